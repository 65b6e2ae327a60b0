import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
  /**
   * An on-demand path whose source can never be reached. Beside it `ondemand/run`, whose command never publishes, and patterns that start
   * either for names below `ondemand/source/` and `ondemand/run/`.
   */
  readonly unreachablePath?: { readonly name: string; readonly startTimeoutMs: number };
  /** A path that plays whether somebody publishes or not. */
  readonly alwaysAvailablePath?: string;
  /** `hlsAllowOrigins` with one site. */
  readonly allowOrigin?: string;
  /** `hlsMuxerCloseAfter`. */
  readonly muxerCloseAfterMs?: number;
  /** A path whose source is the same stream on another server. */
  readonly pulledPath?: { readonly name: string; readonly from: string };
  /** Paths whose command publishes there when somebody wants to read (`runOnDemand`): names, or expressions behind a tilde. */
  readonly commandPaths?: readonly string[];
}

/** A MediaMTX under test: the same suite runs on the stand-in and on a real one. */
export interface Subject {
  readonly hlsUrl: string;
  readonly apiUrl: string;
  /** Whether it has HLS sessions (v1.18.0 and newer). */
  readonly hasSessions: boolean;
  /** Somebody begins to publish, and MediaMTX knows it. A publisher who is there already is replaced. */
  publish(stream: string, options?: { readonly hasKeyFrames: boolean }): Promise<void>;
  /** The newest publisher leaves, and MediaMTX knows it. */
  unpublish(stream: string): Promise<void>;
  /** The other server of `pulledPath` has the stream: this one gets its copy, and knows it. */
  pull(stream: string): Promise<void>;
  /** The other server has lost it: so does this one, and knows it. */
  losePulled(stream: string): Promise<void>;
  /** How many times the command of `commandPaths` was started for the stream. */
  starts(stream: string): Promise<number>;
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
  const item = JSON.parse(answer.text) as {
    ready: boolean;
    online?: boolean;
    source: { type: string; id: string } | null;
  };
  return item.ready && item.online !== false ? `${item.source?.type} ${item.source?.id}` : undefined;
}

const basic = (who: SubjectOptions['apiCredentials']): Record<string, string> =>
  who ? { authorization: `Basic ${Buffer.from(`${who.user}:${who.password}`).toString('base64')}` } : {};

const never = ({ startTimeoutMs }: { readonly startTimeoutMs: number }) => ({
  startDelayMs: 'never' as const,
  startTimeoutMs,
});

/** ffmpeg needs some seconds on a busy machine. Below HAProxy's `MTX_TIMEOUT`. */
const commandTimeoutMs = 25_000;

/** The stand-in in one of its profiles. */
export function standIn(profile: SimProfile): SubjectKind {
  return {
    name: `stand-in, ${profile}`,
    async start(options) {
      const { unreachablePath, alwaysAvailablePath, pulledPath, commandPaths = [], ...rest } = options;
      const server: SimServer = await createSimServer({
        ...rest,
        profile,
        firstSegmentDelayMs: 100,
        wrongCredentialsDelayMs: [50, 100],
        paths: [
          { name: '~^live/' },
          ...(unreachablePath
            ? [
                { name: unreachablePath.name, onDemand: never(unreachablePath) },
                { name: 'ondemand/run', runOnDemand: never(unreachablePath) },
                { name: '~^ondemand/source/', onDemand: never(unreachablePath) },
                { name: '~^ondemand/run/', runOnDemand: never(unreachablePath) },
              ]
            : []),
          ...(alwaysAvailablePath === undefined ? [] : [{ name: alwaysAvailablePath, alwaysAvailable: true }]),
          ...(pulledPath === undefined ? [] : [{ name: pulledPath.name, pulls: 'rtspSource' }]),
          ...commandPaths.map((name) => ({
            name,
            runOnDemand: { startDelayMs: 1000, startTimeoutMs: commandTimeoutMs },
          })),
        ],
      });
      return {
        hlsUrl: server.hlsUrl,
        apiUrl: server.apiUrl,
        hasSessions: profile === 'session',
        publish(stream, how) {
          server.publish(stream, how);
          return Promise.resolve();
        },
        unpublish(stream) {
          server.unpublish(stream);
          return Promise.resolve();
        },
        pull(stream) {
          server.pull(stream);
          return Promise.resolve();
        },
        losePulled(stream) {
          server.unpublish(stream);
          return Promise.resolve();
        },
        starts: (stream) => Promise.resolve(server.starts().get(stream) ?? 0),
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

/** The configuration file of a real MediaMTX, whose on-demand command is `command`. JSON is YAML. */
function configuration(options: SubjectOptions, era: Era, command: string): string {
  const { address, variant, cdnSecret, trustedProxies, apiCredentials, readCredentials, muxerCloseAfterMs } = options;
  const anyone = { user: 'any', pass: '', ips: [] };
  const startTimeout = `${options.unreachablePath?.startTimeoutMs ?? 0}ms`;
  // Nobody listens on the discard port of the server's own address.
  const source = {
    source: `rtsp://${address}:9/nothing`,
    sourceOnDemand: true,
    sourceOnDemandStartTimeout: startTimeout,
  };
  const run = { runOnDemand: 'sleep 60', runOnDemandStartTimeout: startTimeout };
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
    ...(options.allowOrigin !== undefined && { hlsAllowOrigins: [options.allowOrigin] }),
    ...(muxerCloseAfterMs !== undefined && { hlsMuxerCloseAfter: `${muxerCloseAfterMs}ms` }),
    ...(era.hasMoq && { moq: false }),
    ...(era.hasCdn && cdnSecret !== undefined && { hlsCDNSecret: cdnSecret }),
    paths: {
      '~^live/': {},
      ...(options.unreachablePath && {
        [options.unreachablePath.name]: source,
        'ondemand/run': run,
        '~^ondemand/source/': source,
        '~^ondemand/run/': run,
      }),
      ...(options.alwaysAvailablePath !== undefined && {
        [options.alwaysAvailablePath]: {
          alwaysAvailable: true,
          alwaysAvailableTracks: [{ codec: 'H264' }, { codec: 'MPEG4Audio', sampleRate: 44100, channelCount: 1 }],
        },
      }),
      ...(options.pulledPath && {
        [options.pulledPath.name]: {
          source: `rtsp://${options.pulledPath.from}:8554/${options.pulledPath.name}`,
          rtspTransport: 'tcp',
        },
      }),
      ...Object.fromEntries(
        (options.commandPaths ?? []).map((name) => [
          name,
          { runOnDemand: command, runOnDemandStartTimeout: `${commandTimeoutMs}ms` },
        ]),
      ),
    },
  });
}

/** ffmpeg's arguments to publish its test source over RTSP, with a key frame every second, or none after the first. */
function publishing(address: string, stream: string, hasKeyFrames: boolean): string[] {
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
    '-pix_fmt',
    'yuv420p',
    ...(hasKeyFrames ? ['-g', '25'] : ['-g', '1000000', '-sc_threshold', '0']),
  ];
  const output = ['-c:a', 'aac', '-f', 'rtsp', '-rtsp_transport', 'tcp', `rtsp://${address}:8554/${stream}`];
  return ['-v', 'error', ...input, ...video, ...output];
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
      // The command of paths on demand: it notes that it was started, and publishes.
      const script = join(folder, 'publish.sh');
      const started = join(folder, 'started');
      const ffmpeg = publishing(address, '$MTX_PATH', true).map((word) => `"${word}"`);
      await writeFile(script, `echo "$MTX_PATH" >> ${started}\nexec ffmpeg ${ffmpeg.join(' ')}\n`);
      const publishers = new Map<string, Child[]>();
      let server: Child;

      async function run(era: Era): Promise<string> {
        await writeFile(file, configuration(options, era, `sh ${script}`));
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
        async publish(stream, { hasKeyFrames } = { hasKeyFrames: true }) {
          const before = await isPublished(apiUrl, stream, headers);
          publishers.set(stream, [
            ...(publishers.get(stream) ?? []),
            startChild('ffmpeg', publishing(address, stream, hasKeyFrames)),
          ]);
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
        async pull(stream) {
          await until(`a copy of ${stream}`, async () => (await isPublished(apiUrl, stream, headers)) !== undefined);
        },
        async losePulled(stream) {
          await until(`no copy of ${stream}`, async () => (await isPublished(apiUrl, stream, headers)) === undefined);
        },
        async starts(stream) {
          const lines = (await readFile(started, 'utf8').catch(() => '')).split('\n');
          return lines.filter((line) => line === stream).length;
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
