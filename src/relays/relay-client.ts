import { type Dispatcher, Pool } from 'undici';
import * as z from 'zod/mini';
import { RelayConfig, RelayOverview, RelayWhy } from '../api/schemas';
import { errorCode, errorText, isRecord, textAtMost } from '../wire';

/** A relay, and what it takes to ask it. */
export interface RelayPlace {
  /** HAProxy's name of it. */
  readonly name: string;
  /** Where its API begins, such as `http://127.0.0.1:8085`. */
  readonly url: string;
  /** The password is the relay's token. */
  readonly username: string | undefined;
  readonly password: string | undefined;
}

export type Overview = z.output<typeof RelayOverview>;
export type Why = z.output<typeof RelayWhy>;
export type Config = z.output<typeof RelayConfig>;
/** Settings by name as the relay takes them; null: as configured. */
export type ConfigChanges = Readonly<Record<string, number | string | null>>;

/** An answer, or why there is none; `status` where the relay gave another one than 200. */
export type Asked<T> =
  | { readonly value: T; readonly problem?: undefined }
  | { readonly problem: string; readonly status?: number | undefined; readonly value?: undefined };

/** What one relay says. Never rejects: failures are values. */
export interface RelayClient {
  /** Streams that have the text in their id or title, and accounts. */
  overview(match: string): Promise<Asked<Overview>>;
  /** Undefined where it has no such stream. */
  why(streamId: string): Promise<Asked<Why | undefined>>;
  /** Moves each client of a stream to its next source. @returns how many are moved; undefined where it has no such stream. */
  failover(streamId: string): Promise<Asked<number | undefined>>;
  /** Its settings that may change while it runs; undefined where it is of a version that has none. */
  config(): Promise<Asked<Config | undefined>>;
  /**
   * Changes some of them.
   * @param tag of the settings that the change is made for; without it, of whatever is in force.
   */
  changeConfig(changes: ConfigChanges, tag: string | undefined): Promise<Asked<Config>>;
  close(): Promise<void>;
}

export interface RelayClientOptions {
  /** Of one call, from sending to the last byte of the answer; default 2 s. */
  readonly timeoutMs?: number;
  /** How long an answer is given again; default 1 s. */
  readonly keepMs?: number;
  readonly now?: () => number;
}

/** More than any of its answers has. */
const mostBytes = 1024 * 1024;
/** Of questions that wait for their turn, and of answers that are kept. */
const mostWaiting = 16;
const mostKept = 64;
const failoverDone = z.object({ active_clients: z.int() });
const failed = z.object({ title: z.string(), detail: z.string() });

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string;
}

/**
 * Makes the client of one relay. Questions are asked one after the other, and answers are given again for a second, so that however many pages look at
 * a relay, it has one call in progress.
 *
 * @throws TypeError when the URL is no http(s) URL.
 */
export function createRelayClient(place: RelayPlace, options: RelayClientOptions = {}): RelayClient {
  const { timeoutMs = 2000, keepMs = 1000, now = () => performance.now() } = options;
  const base = new URL(place.url);
  const prefix = base.pathname.replace(/\/+$/, '');
  const pool = new Pool(base.origin, { connections: 2, pipelining: 1, connect: { timeout: timeoutMs } });
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'mtxpilot' };
  if (place.password !== undefined) {
    const credentials = Buffer.from(`${place.username ?? ''}:${place.password}`).toString('base64');
    headers['authorization'] = `Basic ${credentials}`;
  }
  /** Questions by their path: asked, or answered lately. */
  const kept = new Map<string, { readonly reply: Promise<Asked<Reply>>; untilMs: number }>();
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  async function send(method: 'GET' | 'POST', path: string, more: Sent = {}): Promise<Asked<Reply>> {
    const signal = AbortSignal.timeout(timeoutMs);
    const { body = null } = more;
    try {
      const response = await pool.request({
        method,
        path: prefix + path,
        headers: { ...headers, ...more.headers },
        body,
        signal,
      });
      return { value: { status: response.statusCode, body: await readJson(response) } };
    } catch (error) {
      if (signal.aborted) return { problem: `It gave no complete answer within ${timeoutMs / 1000} s.` };
      return { problem: `It could not be asked: ${errorCode(error) ?? errorText(error)}.` };
    }
  }

  function ask(path: string): Promise<Asked<Reply>> {
    const known = kept.get(path);
    if (known !== undefined && now() < known.untilMs) return known.reply;
    if (waiting >= mostWaiting) return Promise.resolve({ problem: 'Too many questions wait for its answers.' });
    waiting++;
    const reply = last.then(() => send('GET', path));
    const made = { reply, untilMs: Infinity };
    last = reply.then(() => {
      waiting--;
      made.untilMs = now() + keepMs;
    });
    kept.delete(path);
    kept.set(path, made);
    const [oldest] = kept.keys();
    if (oldest !== undefined && kept.size > mostKept) kept.delete(oldest);
    return reply;
  }

  return {
    async overview(match) {
      const asked = await ask(`/overview${match === '' ? '' : `?${new URLSearchParams({ match }).toString()}`}`);
      return read(asked, RelayOverview);
    },
    async why(streamId) {
      const asked = await ask(`/streams/${encodeURIComponent(streamId)}/why`);
      return isMissing(asked) ? { value: undefined } : read(asked, RelayWhy);
    },
    async failover(streamId) {
      const asked = await send('POST', `/streams/${encodeURIComponent(streamId)}/failover`);
      // What is looked at next is not what was before.
      kept.clear();
      if (isMissing(asked)) return { value: undefined };
      const { value, ...problem } = read(asked, failoverDone);
      return value === undefined ? (problem as Asked<never>) : { value: value.active_clients };
    },
    async config() {
      const asked = await ask('/v1/config');
      return isMissing(asked) ? { value: undefined } : read(asked, RelayConfig);
    },
    async changeConfig(changes, tag) {
      const asked = await send('POST', '/v1/config', {
        headers: { 'content-type': 'application/json', ...(tag === undefined ? {} : { 'if-match': `"${tag}"` }) },
        body: JSON.stringify(changes),
      });
      kept.clear();
      return read(asked, RelayConfig);
    },
    close: () => pool.destroy(),
  };
}

/** A relay of a version without this path answers 404 as well; to it no stream is there to look at either. */
function isMissing({ value }: Asked<Reply>): boolean {
  return value?.status === 404;
}

function read<T extends z.ZodMiniType>(asked: Asked<Reply>, schema: T): Asked<z.output<T>> {
  if (asked.value === undefined) return asked;
  const { status, body } = asked.value;
  if (status !== 200) return { problem: problemOf(status, body), status };
  const result = z.safeParse(schema, body);
  if (result.success) return { value: result.data };
  const where = result.error.issues[0]?.path.join('.') ?? '';
  return { problem: `Its answer is not understood${where === '' ? '' : `: ${where}`}. Is it of the same version?` };
}

function problemOf(status: number, body: unknown): string {
  if (status === 401 || status === 403) {
    return `It answered ${status}: set its token as mediamtx.servers.NAME.password.`;
  }
  const { success, data } = z.safeParse(failed, body);
  return success ? `${data.title}. ${data.detail}`.slice(0, 500) : `It answered ${status}.`;
}

/** Undefined for what is no JSON, or no object. @throws Error when it is too long or breaks. */
async function readJson({ body }: Dispatcher.ResponseData): Promise<unknown> {
  const text = await textAtMost(body, mostBytes);
  if (text === undefined) throw new Error(`the answer has more than ${mostBytes} bytes`);
  try {
    const json: unknown = JSON.parse(text);
    return isRecord(json) ? json : undefined;
  } catch {
    return undefined;
  }
}
