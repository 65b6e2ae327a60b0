import { type Dispatcher, Pool } from 'undici';
import type { ApiFailure, ApiOutcome, ApiResult } from './api-result';
import { createListReader } from './list-reader';
import { isRecord, type PathReport, readPathReport } from './path-report';

export interface MediamtxClientOptions {
  /** HAProxy's name of the server, for error texts. */
  readonly server: string;
  /** Base URL of the Control API, e.g. `http://127.0.0.11:9997`. */
  readonly apiUrl: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Deadline of one call, from sending to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Called once for each finished call, with what it was and how long it took. */
  readonly onCall?: (call: ApiCall, outcome: ApiOutcome, tookMs: number) => void;
}

export type ApiCall = 'paths/list' | 'paths/get' | 'info';

export interface ServerInfo {
  /** e.g. `v1.20.1`; undefined before v1.15.2, which has no `/v3/info`. */
  readonly version: string | undefined;
  /** `session` from v1.18.0 on; undefined when the version cannot be read. */
  readonly era: 'pre-session' | 'session' | undefined;
}

export interface PathList {
  /** Items without a usable name. */
  readonly ignored: number;
  /** Processor time that this process spent on reading the answer, in ms. */
  readonly ownMs: number;
}

/** The Control API of one MediaMTX server (v1.2.0 and newer). No method throws: failures are values. */
export interface MediamtxClient {
  /**
   * Every path of the server, in as few pages as it gives; more than 20 pages are a failure.
   * @param onReport gets each path as it arrives; only when the result is `ok` were they all.
   */
  listPaths(onReport: (report: PathReport) => void): Promise<ApiResult<PathList>>;
  /** One path; undefined when the server does not have it. */
  getPath(name: string): Promise<ApiResult<PathReport | undefined>>;
  info(): Promise<ApiResult<ServerInfo>>;
  close(): Promise<void>;
}

// MediaMTX walks all paths for every page, so one page should hold them all.
const itemsPerPage = 1_000_000;
const maxPages = 20;
const maxItemBytes = 4 * 1024 * 1024;
const maxConnections = 8;

type Reply = { readonly status: number; readonly body: unknown };
interface ListPage {
  readonly pageCount: number;
  /** Processor time that this process spent on reading, in ms: on a busy machine the clock would count the others' work too. */
  readonly ownMs: number;
}
class BadBody extends Error {}

/**
 * Keep-alive client; one pool a server, so that a server that stalls delays nobody else.
 * @throws TypeError when `apiUrl` is no http(s) URL (checked by the configuration before).
 */
export function createMediamtxClient(options: MediamtxClientOptions): MediamtxClient {
  const { server, timeoutMs } = options;
  const base = new URL(options.apiUrl);
  const prefix = base.pathname.replace(/\/+$/, '');
  const pool = new Pool(base.origin, {
    connections: maxConnections,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    connect: { timeout: timeoutMs },
  });
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'mtxpilot' };
  if (options.username !== undefined) {
    const credentials = Buffer.from(`${options.username}:${options.password ?? ''}`).toString('base64');
    headers['authorization'] = `Basic ${credentials}`;
  }

  async function fetchJson(path: string, maxBytes: number, signal: AbortSignal): Promise<Reply> {
    const response = await pool.request({ method: 'GET', path: prefix + path, headers, signal });
    const text = await readText(response.body, maxBytes);
    try {
      return { status: response.statusCode, body: JSON.parse(text) as unknown };
    } catch {
      // A 404 of a server without that call is plain text; a 200 must be JSON.
      if (response.statusCode !== 200) return { status: response.statusCode, body: undefined };
      throw new BadBody(`${text.length} bytes that are no JSON`);
    }
  }

  /** Runs one call under its deadline and turns whatever happens into a value. */
  async function call<T>(
    name: ApiCall,
    run: (signal: AbortSignal) => Promise<T>,
    notFound: (value: T) => boolean,
  ): Promise<ApiResult<T>> {
    const started = performance.now();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    try {
      const value = await run(deadline.signal);
      const tookMs = performance.now() - started;
      options.onCall?.(name, notFound(value) ? 'not_found' : 'ok', tookMs);
      return { ok: true, value, tookMs };
    } catch (error) {
      const tookMs = performance.now() - started;
      const [failure, reason] = deadline.signal.aborted
        ? (['timeout', `no complete answer within ${timeoutMs} ms`] as const)
        : describe(error);
      options.onCall?.(name, failure, tookMs);
      return { ok: false, failure, detail: `server ${server}: ${name}: ${reason}`, tookMs };
    } finally {
      clearTimeout(timer);
    }
  }

  /** One page of the list, read as it arrives. */
  async function listPage(page: number, onItem: (item: unknown) => void, signal: AbortSignal): Promise<ListPage> {
    const path = `${prefix}/v3/paths/list?itemsPerPage=${itemsPerPage}&page=${page}`;
    const response = await pool.request({ method: 'GET', path, headers, signal });
    if (response.statusCode !== 200) {
      await readText(response.body, maxItemBytes);
      throw new BadStatus(response.statusCode);
    }
    const reader = createListReader(onItem, maxItemBytes);
    let ownMs = 0;
    try {
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        const before = process.cpuUsage();
        reader.push(chunk);
        const { user, system } = process.cpuUsage(before);
        ownMs += (user + system) / 1000;
      }
      const pageCount = reader.end();
      // Read in part it would look as if the rest had gone.
      if (pageCount > maxPages)
        throw new BadBody(
          `the list has ${pageCount} pages of up to ${itemsPerPage} paths, at most ${maxPages} are read`,
        );
      return { pageCount, ownMs };
    } catch (error) {
      throw error instanceof SyntaxError || error instanceof RangeError
        ? new BadBody(`no list of paths: ${error.message}`)
        : error;
    }
  }

  return {
    listPaths: (onReport) =>
      call(
        'paths/list',
        async (signal) => {
          let ignored = 0;
          let ownMs = 0;
          const onItem = (item: unknown): void => {
            const report = readPathReport(item);
            if (report === undefined) ignored++;
            else onReport(report);
          };
          for (let page = 0, pageCount = 1; page < pageCount; page++) {
            const answer = await listPage(page, onItem, signal);
            ({ pageCount } = answer);
            ownMs += answer.ownMs;
          }
          return { ignored, ownMs };
        },
        () => false,
      ),

    getPath: (name) =>
      call(
        'paths/get',
        async (signal) => {
          const path = `/v3/paths/get/${name.split('/').map(encodeURIComponent).join('/')}`;
          const reply = await fetchJson(path, maxItemBytes, signal);
          if (reply.status === 404 && isRecord(reply.body) && 'error' in reply.body) return undefined;
          const report = readPathReport(expectOk(reply).body);
          if (report?.name !== name) throw new BadBody('the answer is not about the path that was asked for');
          return report;
        },
        (report) => report === undefined,
      ),

    info: () =>
      call<ServerInfo>(
        'info',
        async (signal) => {
          const reply = await fetchJson('/v3/info', maxItemBytes, signal);
          if (reply.status === 404) return { version: undefined, era: 'pre-session' };
          const { body } = expectOk(reply);
          const version =
            isRecord(body) && typeof body['version'] === 'string' ? body['version'].slice(0, 64) : undefined;
          return { version, era: eraOf(version) };
        },
        () => false,
      ),

    close: () => pool.destroy(),
  };
}

/** Sessions came with v1.18.0. */
function eraOf(version: string | undefined): ServerInfo['era'] {
  const match = /^v?(\d+)\.(\d+)/.exec(version ?? '');
  if (match === null) return undefined;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > 1 || (major === 1 && minor >= 18) ? 'session' : 'pre-session';
}

class BadStatus extends Error {
  constructor(readonly status: number) {
    super(`status ${status}`);
  }
}

function expectOk(reply: Reply): Reply {
  if (reply.status !== 200) throw new BadStatus(reply.status);
  return reply;
}

function describe(error: unknown): readonly [ApiFailure, string] {
  if (error instanceof BadStatus) {
    return error.status === 401
      ? ['unauthorized', 'status 401: check mediamtx.username and mediamtx.password']
      : ['bad_status', error.message];
  }
  if (error instanceof BadBody) return ['bad_body', error.message];
  const reason = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
  return ['unreachable', reason];
}

async function readText(body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new BadBody(`more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return (chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length)).toString('utf8');
}
