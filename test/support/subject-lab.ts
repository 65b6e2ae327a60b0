import { realMediaMtx, type Subject, type SubjectKind, type SubjectOptions, standIn } from '../contract/subject';
import { type Agent, startAgent } from './agent';
import { type Bridge, type Haproxy, startHaproxy } from './haproxy';
import { takeLoopbackBlock } from './loopback-block';
import { until } from './until';

const binary = process.env['MEDIAMTX_BIN'];

/** The stand-in in both eras, and the real MediaMTX that MEDIAMTX_BIN names. */
export const subjectKinds: readonly SubjectKind[] = [
  standIn('pre-session'),
  standIn('session'),
  ...(binary === undefined || binary === '' ? [] : [realMediaMtx(binary)]),
];

/** The shipped haproxy.cfg in front of MediaMTX servers, real or not, called `mtx1`, `mtx2`. */
export interface SubjectLab {
  readonly subjects: readonly Subject[];
  readonly haproxy: Haproxy;
  /** Undefined without an agent. */
  readonly agent: Agent | undefined;
  /** Where pages of another site may be served. */
  readonly pageAddress: string;
  subject(name: string): Subject;
  /** Waits until the agent, if there is one, has the stream on this server. */
  located(stream: string, server: string): Promise<void>;
  stop(): Promise<void>;
}

export interface SubjectLabOptions {
  readonly kind: SubjectKind;
  readonly servers: number;
  /** How the agent is asked; undefined: there is no agent. */
  readonly bridge: Bridge | undefined;
  readonly subject?: Partial<SubjectOptions>;
  /** Options of single servers that differ, by name (`mtx1`, `mtx2`, …). */
  readonly overrides?: Readonly<Record<string, Partial<SubjectOptions>>>;
  readonly haproxyEnv?: Record<string, string>;
}

export async function startSubjectLab(options: SubjectLabOptions): Promise<SubjectLab> {
  const closers: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const block = await takeLoopbackBlock();
    closers.push(() => block.release());
    const subjects: Subject[] = [];
    for (let i = 0; i < options.servers; i++) {
      const subject = await options.kind.start({
        address: block.address(11 + i),
        variant: 'fmp4',
        trustedProxies: ['127.0.0.0/8'],
        ...options.subject,
        ...options.overrides?.[`mtx${i + 1}`],
      });
      subjects.push(subject);
      closers.push(() => subject.stop());
    }
    const home = block.address(1);
    const haproxy = await startHaproxy({
      bind: `${home}:8080`,
      servers: subjects.map((_, i) => `${block.address(11 + i)}:8888`),
      env: {
        MTX_BRIDGE: options.bridge ?? 'spoe',
        MTX_DEADLINE: '5s',
        MTX_CHECK: '5s',
        MTX_AGENT: `${home}:9100`,
        MTX_AGENT_HTTP: `${home}:9101`,
        // The file has three servers; those that are not here must not be somebody else's.
        ...Object.fromEntries(
          [1, 2, 3].filter((n) => n > options.servers).map((n) => [`MTX${n}`, `${block.address(10 + n)}:8888`]),
        ),
        ...options.haproxyEnv,
      },
    });
    closers.push(() => haproxy.stop());
    let agent: Agent | undefined;
    if (options.bridge !== undefined) {
      const started = await startAgent({ spoe: `${home}:9100`, http: `${home}:9101`, haproxySocket: haproxy.socket });
      closers.push(() => started.stop());
      agent = started;
    }
    await until('HAProxy to have checked everything', async () => {
      const lines = (await haproxy.runtime('show stat')).split('\n');
      const up = (server: string) => lines.some((line) => line.startsWith(server) && /,UP,.*,L\dOK,/.test(line));
      const down = (server: string) => lines.some((line) => line.startsWith(server) && line.includes(',DOWN,'));
      const servers = [1, 2, 3].every((n) => (n > options.servers ? down(`mtx,mtx${n},`) : up(`mtx,mtx${n},`)));
      return servers && (agent === undefined ? down('mtx_agent,agent1,') : up('mtx_agent,agent1,'));
    });
    const known = agent;
    return {
      subjects,
      haproxy,
      agent,
      pageAddress: home,
      subject(name) {
        const found = subjects[Number(name.slice(3)) - 1];
        if (found === undefined) throw new Error(`there is no ${name}`);
        return found;
      },
      async located(stream, server) {
        if (known === undefined) return;
        await until(`${stream} on ${server}`, async () => {
          const { body } = await known.get(`/v1/route?stream=${encodeURIComponent(stream)}`);
          return (body as { state: string }).state === 'located' && (body as { server: string }).server === server;
        });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
