import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSimServer, type SimProfile, type SimServer, type SimVariant } from '../../src/sim';
import { type Child, startChild } from '../support/child-process';
import { until } from '../support/until';
import { ask } from './exchange';

/** How a MediaMTX, real or not, is set up for a test. `~^live/` is always open to publishers. */
export interface SubjectOptions {
  readonly address: string;
  readonly variant: SimVariant;
  readonly cdnSecret?: string;
  readonly trustedProxies?: readonly string[];
  readonly apiCredentials?: { readonly user: string; readonly password: string };
  readonly readCredentials?: { readonly user: string; readonly password: string };
  /** An on-demand path whose source can never be reached. */
  readonly unreachablePath?: { readonly name: string; readonly startTimeoutMs: number };
  /** A path that plays whether somebody publishes or not. */
  readonly alwaysAvailablePath?: string;
}

/** A MediaMTX under test: the same suite runs on the stand-in and on a real one. */
export interface Subject {
  readonly hlsUrl: string;
  readonly apiUrl: string;
  /** Whether it has HLS sessions (v1.18.0 and newer). */
  readonly hasSessions: boolean;
  /** Somebody begins to publish, and MediaMTX knows it. A publisher who is there already is replaced. */
  publish(stream: string): Promise<void>;
  /** The newest publisher leaves, and MediaMTX knows it. */
  unpublish(stream: string): Promise<void>;
  /** Ends it without notice. */
  kill(): Promise<void>;
  /** Comes back after `kill`. */
  restart(): Promise<void>;
  /** Leaves nothing behind. */
  stop(): Promise<void>;
}

/** Something that the suite runs on. */
export interface SubjectKind {
  readonly name: string;
  start(options: SubjectOptions): Promise<Subject>;
}

async function isPublished(
  apiUrl: string,
  stream: string,
  headers: Record<string, string>,
): Promise<string | undefined> {
  const answer = await ask(apiUrl, { path: `/v3/paths/get/${stream}`, headers });
  if (answer.status !== 200) return undefined;
  const item = JSON.parse(answer.text) as { ready: boolean; online?: boolean; source: { id: string } | null };
  return item.ready && item.online !== false ? (item.source?.id ?? '') : undefined;
}

const basic = (who: SubjectOptions['apiCredentials']): Record<string, string> =>
  who ? { authorization: `Basic ${Buffer.from(`${who.user}:${who.password}`).toString('base64')}` } : {};

/** The stand-in in one of its profiles. */
export function standIn(profile: SimProfile): SubjectKind {
  return {
    name: `stand-in, ${profile}`,
    async start(options) {
      const { unreachablePath, alwaysAvailablePath, ...rest } = options;
      const server: SimServer = await createSimServer({
        ...rest,
        profile,
        firstSegmentDelayMs: 100,
        wrongCredentialsDelayMs: [50, 100],
        paths: [
          { name: '~^live/' },
          ...(unreachablePath
            ? [
                {
                  name: unreachablePath.name,
                  onDemand: { startDelayMs: 'never' as const, startTimeoutMs: unreachablePath.startTimeoutMs },
                },
              ]
            : []),
          ...(alwaysAvailablePath === undefined ? [] : [{ name: alwaysAvailablePath, alwaysAvailable: true }]),
        ],
      });
      return {
        hlsUrl: server.hlsUrl,
        apiUrl: server.apiUrl,
        hasSessions: profile === 'session',
        publish(stream) {
          server.publish(stream);
          return Promise.resolve();
        },
        unpublish(stream) {
          server.unpublish(stream);
          return Promise.resolve();
        },
        kill: () => server.kill(),
        restart: () => server.restart(),
        stop: () => server.stop(),
      };
    },
  };
}

/** Keys that only newer versions know; all versions refuse what they do not know. */
interface Era {
  readonly hasMoq: boolean;
  readonly hasCdn: boolean;
}

const ERAS: readonly Era[] = [
  { hasMoq: true, hasCdn: true },
  { hasMoq: false, hasCdn: true },
  { hasMoq: false, hasCdn: false },
];

/** The configuration file of a real MediaMTX. JSON is YAML. */
function configuration(options: SubjectOptions, era: Era): string {
  const { address, variant, cdnSecret, trustedProxies, apiCredentials, readCredentials } = options;
  const anyone = { user: 'any', pass: '', ips: [] };
  const named = (who: { user: string; password: string } | undefined, permissions: object[]) => ({
    ...(who ? { user: who.user, pass: who.password, ips: [] } : anyone),
    permissions,
  });
  return JSON.stringify({
    logLevel: 'warn',
    authInternalUsers: [
      { ...anyone, permissions: [{ action: 'publish', path: '' }] },
      named(readCredentials, [{ action: 'read', path: '' }]),
      named(apiCredentials, [{ action: 'api' }]),
    ],
    api: true,
    apiAddress: `${address}:9997`,
    rtspAddress: `${address}:8554`,
    rtspTransports: ['tcp'],
    rtmp: false,
    webrtc: false,
    srt: false,
    hlsAddress: `${address}:8888`,
    hlsVariant: variant,
    hlsTrustedProxies: trustedProxies ?? [],
    ...(era.hasMoq && { moq: false }),
    ...(era.hasCdn && cdnSecret !== undefined && { hlsCDNSecret: cdnSecret }),
    paths: {
      '~^live/': {},
      ...(options.unreachablePath && {
        [options.unreachablePath.name]: {
          // Nobody listens on the discard port of the server's own address.
          source: `rtsp://${address}:9/nothing`,
          sourceOnDemand: true,
          sourceOnDemandStartTimeout: `${options.unreachablePath.startTimeoutMs}ms`,
        },
      }),
      ...(options.alwaysAvailablePath !== undefined && {
        [options.alwaysAvailablePath]: {
          alwaysAvailable: true,
          alwaysAvailableTracks: [{ codec: 'H264' }, { codec: 'MPEG4Audio', sampleRate: 44100, channelCount: 1 }],
        },
      }),
    },
  });
}

/** ffmpeg publishes its test source over RTSP, with a key frame every second. */
function startPublisher(address: string, stream: string): Child {
  const input = [
    '-re',
    '-f',
    'lavfi',
    '-i',
    'testsrc2=size=320x180:rate=25',
    '-f',
    'lavfi',
    '-i',
    'sine=frequency=500',
  ];
  const video = [
    '-c:v',
    'libx264',
    '-profile:v',
    'baseline',
    '-preset',
    'ultrafast',
    '-g',
    '25',
    '-pix_fmt',
    'yuv420p',
  ];
  const output = ['-c:a', 'aac', '-f', 'rtsp', '-rtsp_transport', 'tcp', `rtsp://${address}:8554/${stream}`];
  return startChild('ffmpeg', ['-v', 'error', ...input, ...video, ...output]);
}

/** A real MediaMTX: the executable `binary`, with ffmpeg as publisher. */
export function realMediaMtx(binary: string): SubjectKind {
  return {
    name: `MediaMTX at ${binary}`,
    async start(options) {
      const { address } = options;
      const apiUrl = `http://${address}:9997`;
      const headers = basic(options.apiCredentials);
      const folder = await mkdtemp(join(tmpdir(), 'mediamtx-'));
      const file = join(folder, 'mediamtx.yml');
      const publishers = new Map<string, Child[]>();
      let server: Child;

      async function run(era: Era): Promise<string> {
        await writeFile(file, configuration(options, era));
        const child = startChild(binary, [file], {}, folder);
        let code: number | string | undefined;
        void child.exited.then((value) => {
          code = value;
        });
        server = child;
        return until('MediaMTX to listen', async () => {
          if (code !== undefined) return `ended with ${code}: ${child.lines.join('\n')}`;
          const answer = await ask(apiUrl, { path: '/v3/info', headers });
          return answer.status === 200 ? answer.text : undefined;
        });
      }

      let info = '';
      let era: Era | undefined;
      for (const candidate of ERAS) {
        info = await run(candidate);
        era = candidate;
        if (info.startsWith('{')) break;
      }
      const version = /"version":"v1\.(\d+)\./.exec(info);
      if (!version) throw new Error(`${binary} does not start: ${info}`);

      return {
        hlsUrl: `http://${address}:8888`,
        apiUrl,
        hasSessions: Number(version[1]) >= 18,
        async publish(stream) {
          const before = await isPublished(apiUrl, stream, headers);
          publishers.set(stream, [...(publishers.get(stream) ?? []), startPublisher(address, stream)]);
          await until(`${stream} to be published`, async () => {
            const now = await isPublished(apiUrl, stream, headers);
            return now !== undefined && now !== before;
          });
        },
        async unpublish(stream) {
          await Promise.all((publishers.get(stream) ?? []).map((child) => child.stop('SIGKILL')));
          publishers.delete(stream);
          await until(`${stream} to be gone`, async () => (await isPublished(apiUrl, stream, headers)) === undefined);
        },
        kill: () => server.stop('SIGKILL'),
        async restart() {
          if (era) await run(era);
        },
        async stop() {
          await Promise.all([...publishers.values()].flat().map((child) => child.stop('SIGKILL')));
          await server.stop('SIGKILL');
          await rm(folder, { recursive: true });
        },
      };
    },
  };
}

/** A name that no other test uses. */
export const freshStream = () => `live/${randomUUID().slice(0, 8)}`;
