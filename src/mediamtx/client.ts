import { type Dispatcher, Pool } from 'undici';
import { createTurns, processorMs } from '../measure';
import { errorCode, errorText, isRecord } from '../wire';

import type { ApiFailure, ApiOutcome, ApiResult } from './api-result';
import { type CallDeadline, createCallDeadline } from './call-deadline';
import { createListReader } from './list-reader';
import { type PathConfig, readPathConfig } from './path-config';
import { type PathReport, readPathReport } from './path-report';

export interface MediamtxClientOptions {
  /** HAProxy's name of the server, for error texts. */
  readonly server: string;
  /** Base URL of the Control API, e.g. `http://127.0.0.11:9997`. */
  readonly apiUrl: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Deadline of one call, from sending to the last byte of the answer; time in which this process was busy with other things does not count. */
  readonly timeoutMs: number;
  /** Called once for each finished call, with what it was and how long it took. */
  readonly onCall?: (call: ApiCall, outcome: ApiOutcome, tookMs: number) => void;
}

export type ApiCall = 'paths/list' | 'paths/get' | 'config/paths/list' | 'info';

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
  /**
   * Every entry of `paths:`, as it arrives. An entry is some 2 KB long, so the call has several times the usual deadline; more than 64 MB in
   * a page, or more than 20 pages, are a failure.
   */
  listPathConfigs(onConfig: (config: PathConfig) => void): Promise<ApiResult<undefined>>;
  /** One path; undefined when the server does not have it. */
  getPath(name: string): Promise<ApiResult<PathReport | undefined>>;
  info(): Promise<ApiResult<ServerInfo>>;
  close(): Promise<void>;
}

// MediaMTX walks all paths for every page, so one page should hold them all.
const itemsPerPage = 1_000_000;
const maxPages = 20;
/** Of an answer that is no list and no path: `info` has some hundred bytes, and so has what says that something is wrong. */
const maxTextBytes = 64 * 1024;
const maxConnections = 8;
const maxConfigBytes = 64 * 1024 * 1024;
// Nobody waits for it to the end.
const configTimeoutFactor = 5;
/** Of an answer that waits to be read. Small, since one in chunks of a byte is taken apart in one go up to here; larger chunks pass whole. */
const bodyBufferBytes = 64;
/** The bytes that are read between two looks at the clock: a millisecond or two, if they are more than a thousand items. */
const sliceBytes = 2 * 1024;
const itemsOpen = Buffer.from('{"items":[');
const itemsClose = Buffer.from(']}');

/** All servers share them. */
const turns = createTurns();

type Reply = { readonly status: number; readonly body: unknown };
interface ListPage {
  readonly pageCount: number;
  /** Processor time that this process spent on reading, in ms: on a busy machine the clock would count the others' work too. */
  readonly ownMs: number;
}
interface ReadOptions {
  /** Read before what comes, and after it. */
  readonly before?: Buffer;
  readonly after?: Buffer;
  readonly maxBytes?: number;
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

  function request(path: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    return pool.request({ method: 'GET', path: prefix + path, headers, signal, highWaterMark: bodyBufferBytes });
  }

  async function readJson(response: Dispatcher.ResponseData): Promise<Reply> {
    const text = await readText(response.body, maxTextBytes);
    await turns.wait();
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
    run: (deadline: CallDeadline) => Promise<T>,
    notFound: (value: T) => boolean,
    limitMs = timeoutMs,
  ): Promise<ApiResult<T>> {
    const started = performance.now();
    const deadline = createCallDeadline(limitMs);
    try {
      const value = await run(deadline);
      const tookMs = performance.now() - started;
      options.onCall?.(name, notFound(value) ? 'not_found' : 'ok', tookMs);
      return { ok: true, value, tookMs };
    } catch (error) {
      const tookMs = performance.now() - started;
      const [failure, reason] = deadline.signal.aborted
        ? (['timeout', `no complete answer within ${limitMs} ms`] as const)
        : describe(error);
      options.onCall?.(name, failure, tookMs);
      return { ok: false, failure, detail: `server ${server}: ${name}: ${reason}`, tookMs };
    } finally {
      deadline.clear();
    }
  }

  /** Reads a list as it arrives, a slice a time. @returns its pageCount, and the processor time that it took. */
  async function readItems(
    body: AsyncIterable<Buffer>,
    onItem: (item: unknown) => void,
    deadline: CallDeadline,
    { before, after, maxBytes = Number.POSITIVE_INFINITY }: ReadOptions = {},
  ): Promise<ListPage> {
    const reader = createListReader(onItem);
    let ownMs = 0;
    let bytes = 0;
    const spend = (ms: number): void => {
      ownMs += ms;
      deadline.spent(ms);
    };
    try {
      if (before !== undefined) reader.push(before);
      for await (const chunk of body) {
        bytes += chunk.length;
        if (bytes > maxBytes) throw new BadBody(`more than ${maxBytes} bytes`);
        let sinceMs = processorMs();
        for (let from = 0; from < chunk.length; from += sliceBytes) {
          const waiting = turns.wait();
          if (waiting !== undefined) {
            spend(processorMs() - sinceMs);
            await waiting;
            sinceMs = processorMs();
          }
          reader.push(chunk.subarray(from, from + sliceBytes));
        }
        spend(processorMs() - sinceMs);
      }
      if (after !== undefined) reader.push(after);
      return { pageCount: reader.end(), ownMs };
    } catch (error) {
      throw error instanceof SyntaxError || error instanceof RangeError ? new BadBody(error.message) : error;
    }
  }

  /** One page of a list. */
  async function listPage(
    list: 'paths/list' | 'config/paths/list',
    page: number,
    onItem: (item: unknown) => void,
    deadline: CallDeadline,
  ): Promise<ListPage> {
    const response = await request(`/v3/${list}?itemsPerPage=${itemsPerPage}&page=${page}`, deadline.signal);
    if (response.statusCode !== 200) {
      await readText(response.body, maxTextBytes);
      throw new BadStatus(response.statusCode);
    }
    const limit = list === 'config/paths/list' ? { maxBytes: maxConfigBytes } : {};
    const answer = await readItems(response.body, onItem, deadline, limit).catch((error: unknown) => {
      throw error instanceof BadBody ? new BadBody(`no list of paths: ${error.message}`) : error;
    });
    // Read in part it would look as if the rest had gone.
    if (answer.pageCount > maxPages)
      throw new BadBody(
        `the list has ${answer.pageCount} pages of up to ${itemsPerPage} paths, at most ${maxPages} are read`,
      );
    return answer;
  }

  /** One path, read as an item of a list is: one with 10,000 readers is a megabyte, of which little is kept. */
  async function readPath(response: Dispatcher.ResponseData, deadline: CallDeadline): Promise<unknown> {
    const items: unknown[] = [];
    const onItem = (item: unknown): void => {
      // Whatever comes after a path is not worth reading.
      if (items.push(item) > 1) throw new BadBody('more than one value');
    };
    await readItems(response.body, onItem, deadline, { before: itemsOpen, after: itemsClose }).catch(
      (error: unknown) => {
        throw error instanceof BadBody ? new BadBody(`no JSON of a path: ${error.message}`) : error;
      },
    );
    return items[0];
  }

  return {
    listPaths: (onReport) =>
      call(
        'paths/list',
        async (deadline) => {
          let ignored = 0;
          let ownMs = 0;
          const onItem = (item: unknown): void => {
            const report = readPathReport(item);
            if (report === undefined) ignored++;
            else onReport(report);
          };
          for (let page = 0, pageCount = 1; page < pageCount; page++) {
            const answer = await listPage('paths/list', page, onItem, deadline);
            ({ pageCount } = answer);
            ownMs += answer.ownMs;
          }
          return { ignored, ownMs };
        },
        () => false,
      ),

    listPathConfigs: (onConfig) =>
      call(
        'config/paths/list',
        async (deadline) => {
          const onItem = (item: unknown): void => {
            const config = readPathConfig(item);
            if (config !== undefined) onConfig(config);
          };
          for (let page = 0, pageCount = 1; page < pageCount; page++) {
            ({ pageCount } = await listPage('config/paths/list', page, onItem, deadline));
          }
          return undefined;
        },
        () => false,
        timeoutMs * configTimeoutFactor,
      ),

    getPath: (name) =>
      call(
        'paths/get',
        async (deadline) => {
          const path = `/v3/paths/get/${name.split('/').map(encodeURIComponent).join('/')}`;
          const response = await request(path, deadline.signal);
          if (response.statusCode !== 200) {
            const { status, body } = await readJson(response);
            if (status === 404 && isRecord(body) && 'error' in body) return undefined;
            throw new BadStatus(status);
          }
          const report = readPathReport(await readPath(response, deadline));
          if (report?.name !== name) throw new BadBody('the answer is not about the path that was asked for');
          return report;
        },
        (report) => report === undefined,
      ),

    info: () =>
      call<ServerInfo>(
        'info',
        async ({ signal }) => {
          const reply = await readJson(await request('/v3/info', signal));
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
  return ['unreachable', errorCode(error) ?? errorText(error)];
}

async function readText(body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new BadBody(`more than ${maxBytes} bytes`);
    chunks.push(chunk);
    await turns.wait();
  }
  return (chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length)).toString('utf8');
}
