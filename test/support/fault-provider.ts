import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { until } from './until';

/** How a connection ends: in order, or broken. */
export type CutKind = 'end' | 'reset';

/** What a behaviour does with one request. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Writes status line and headers at once; without a length the body ends with the connection. */
  readonly head: (status: number, headers?: Readonly<Record<string, string | readonly string[]>>) => void;
  /**
   * Sends what `next` gives, as fast as it is taken: no bytes mean that there are none now, undefined that the body ends. Asked again every 20 ms, and
   * when what was sent has been taken; not while the route is stalled.
   */
  readonly pump: (next: () => Buffer | undefined) => void;
  readonly end: () => void;
  readonly reset: () => void;
}

/** How a provider answers; made by the functions below, which can be put into one another. */
export type Behaviour = (exchange: Exchange) => void;

export interface ProviderRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** With its `?`; empty where there is none. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** `performance.now()` at its arrival. */
  readonly at: number;
}

export interface FaultProviderOptions {
  /** Where it listens; any address of 127.0.0.0/8. */
  readonly host?: string;
  /** Then it speaks https. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A provider whose every fault is wanted. Paths without a behaviour are answered with 404. */
export interface FaultProvider {
  readonly host: string;
  readonly port: number;
  /** `http://host:port` and the path. */
  url(path: string): string;
  /** How a path (without query) answers from now on; requests in hand go on as they began. */
  at(path: string, behaviour: Behaviour): void;
  /** The same, for a path that answers otherwise until now. */
  set(path: string, behaviour: Behaviour): void;
  /** Sockets: how many are open, and how many there were. */
  readonly connections: { readonly open: number; readonly total: number };
  /** Requests of a path that are not answered in full and whose connection is open. */
  open(path: string): number;
  /** All that arrived, in order. */
  readonly requests: readonly ProviderRequest[];
  requestsOf(path: string): readonly ProviderRequest[];
  /** Until so many requests have arrived for a path since the beginning. */
  waitForRequests(path: string, count: number): Promise<void>;
  /** Until exactly so many connections are open. */
  waitForOpen(count: number): Promise<void>;
  /** Ends all that a path is sending now. @returns how many there were. */
  cut(path: string, kind: CutKind): number;
  /** A path sends nothing more, on open connections and on new ones, until `resume`; nothing is lost in between. */
  stall(path: string): void;
  resume(path: string): void;
  /** Ends with all connections. */
  close(): Promise<void>;
}

const tickMs = 20;

interface OpenExchange {
  readonly path: string;
  end(kind: CutKind): void;
  goOn(): void;
}

export async function createFaultProvider(options: FaultProviderOptions = {}): Promise<FaultProvider> {
  const { host = '127.0.0.1', tls } = options;
  const behaviours = new Map<string, Behaviour>();
  const requests: ProviderRequest[] = [];
  const sockets = new Set<Socket>();
  const exchanges = new Set<OpenExchange>();
  const stalled = new Set<string>();
  let total = 0;

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const [path = '', query] = (request.url ?? '').split(/(?=\?)/, 2);
    const { method = '', headers } = request;
    requests.push({ method, path, query: query ?? '', headers, at: performance.now() });
    const { exchange, open } = beginExchange(request, response, { path, isStalled: () => stalled.has(path) });
    exchanges.add(open);
    response.once('close', () => exchanges.delete(open));
    const behaviour = behaviours.get(path) ?? status(404, 'No such stream.');
    behaviour(exchange);
  }

  const server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  server.on('connection', (socket: Socket) => {
    total++;
    sockets.add(socket);
    // What the other end does to its connection is a test's matter.
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  const ofPath = (path: string): readonly OpenExchange[] => [...exchanges].filter((open) => open.path === path);
  const set = (path: string, behaviour: Behaviour): void => void behaviours.set(path, behaviour);

  return {
    host,
    port,
    url: (path) => `${tls === undefined ? 'http' : 'https'}://${host}:${port}${path}`,
    at: set,
    set,
    connections: {
      get open() {
        return sockets.size;
      },
      get total() {
        return total;
      },
    },
    open: (path) => ofPath(path).length,
    requests,
    requestsOf: (path) => requests.filter((request) => request.path === path),
    async waitForRequests(path, count) {
      const arrived = (): number => requests.filter((request) => request.path === path).length;
      await until(`${count} requests of ${path}`, () => arrived() >= count, 2);
    },
    async waitForOpen(count) {
      await until(`${count} open connections`, () => sockets.size === count, 2);
    },
    cut(path, kind) {
      const open = ofPath(path);
      for (const one of open) one.end(kind);
      return open.length;
    },
    stall: (path) => void stalled.add(path),
    resume(path) {
      stalled.delete(path);
      for (const one of ofPath(path)) one.goOn();
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** One request under way; its timer ends with its connection. */
function beginExchange(
  request: IncomingMessage,
  response: ServerResponse,
  { path, isStalled }: { readonly path: string; readonly isStalled: () => boolean },
): { exchange: Exchange; open: OpenExchange } {
  let pump = (): void => undefined;
  const isOver = (): boolean => response.destroyed || response.writableEnded;
  const end = (kind: CutKind): void => {
    pump = () => undefined;
    if (kind === 'end') response.end();
    else request.socket.resetAndDestroy();
  };
  const exchange: Exchange = {
    request,
    response,
    head(code, headers = {}) {
      response.useChunkedEncodingByDefault = false;
      response.writeHead(code, { connection: 'close', ...headers });
      response.flushHeaders();
    },
    pump(next) {
      if (request.method === 'HEAD') {
        response.end();
        return;
      }
      pump = () => {
        while (!isOver() && !isStalled() && !response.writableNeedDrain) {
          const chunk = next();
          if (chunk === undefined) response.end();
          else if (chunk.length > 0) response.write(chunk);
          else return;
        }
      };
      const timer = setInterval(() => pump(), tickMs);
      response.once('close', () => clearInterval(timer));
      response.on('drain', () => pump());
      pump();
    },
    end: () => end('end'),
    reset: () => end('reset'),
  };
  return { exchange, open: { path, end, goOn: () => pump() } };
}

/** Counts ticks of 20 ms; feeds that share one are in step. */
export interface FeedClock {
  /** Whole ticks since it was made. */
  readonly ticks: number;
}

export function createFeedClock(): FeedClock {
  const startedMs = performance.now();
  return {
    get ticks() {
      return Math.floor((performance.now() - startedMs) / tickMs);
    },
  };
}

export interface LiveOptions {
  /** Default 10,000, which is 4 Mbit/s. */
  readonly bytesPerTick?: number;
  /** After the last byte: from the first again (default), or a clean end. */
  readonly loops?: boolean;
  /** Where all connections are at the same place; without it each begins at the first byte. */
  readonly clock?: FeedClock;
  /** With a clock, a connection begins at a multiple of so many bytes; default 188. */
  readonly align?: number;
  /** After the first byte nothing is sent until so many bytes are due; default 1. Many connections then cost less. */
  readonly leastBytes?: number;
  /** Sent at once, as a provider does that lets players fill their buffers; default none. */
  readonly burstBytes?: number;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client that was stopped for long gets its arrears in pieces of so many bytes. */
const longestPiece = 256 * 1024;

/** A live feed: bytes at a rate, in a loop. It does not drop anything: who reads slowly lags behind. */
export function live(bytes: Buffer, options: LiveOptions = {}): Behaviour {
  const { bytesPerTick = 10_000, loops = true, align = 188, burstBytes = 0, contentType = 'video/mp2t' } = options;
  const { leastBytes = 1 } = options;
  return ({ head, pump }) => {
    const clock = options.clock ?? createFeedClock();
    const begin = Math.floor((clock.ticks * bytesPerTick) / align) * align;
    let place = begin;
    head(200, { 'content-type': contentType, ...options.headers });
    pump(() => {
      // One tick is due at once.
      const due = Math.max(begin + burstBytes, (clock.ticks + 1) * bytesPerTick) - place;
      if (due < leastBytes && place > begin) return Buffer.alloc(0);
      const at = loops ? place % bytes.length : place;
      if (at >= bytes.length) return undefined;
      const piece = bytes.subarray(at, at + Math.max(0, Math.min(due, longestPiece)));
      place += piece.length;
      return piece;
    });
  };
}

/** Takes the request and never answers. */
export function silent(): Behaviour {
  return () => undefined;
}

/** Answers with headers, and nothing behind them. */
export function headersOnly(headers: Readonly<Record<string, string>> = { 'content-type': 'video/mp2t' }): Behaviour {
  return ({ head }) => head(200, headers);
}

export function status(
  code: number,
  body = '',
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Behaviour {
  return ({ head, pump }) => {
    let rest: Buffer | undefined = Buffer.from(body);
    head(code, { 'content-type': 'text/plain', 'content-length': String(rest.length), ...headers });
    pump(() => {
      const piece = rest?.length === 0 ? undefined : rest;
      rest = undefined;
      return piece;
    });
  };
}

/** A page instead of a stream, and 200. */
export function html(body = '<!doctype html><title>Account expired</title>'): Behaviour {
  return status(200, body, { 'content-type': 'text/html; charset=utf-8' });
}

/** @param to absolute, or relative to the request. */
export function redirect(
  to: string,
  code = 302,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Behaviour {
  return status(code, '', { location: to, ...headers });
}

/** Redirects to the request's own URL, for ever. */
export function loop(code = 302): Behaviour {
  return (exchange) => redirect(exchange.request.url ?? '/', code)(exchange);
}

/** Writes bytes to the connection that need be no HTTP, then closes it. */
export function raw(bytes: string | Buffer, kind: CutKind = 'end'): Behaviour {
  return ({ request: { socket } }) => {
    socket.write(bytes, () => (kind === 'end' ? socket.end() : socket.resetAndDestroy()));
  };
}

/** Closes the connection without a byte of answer. */
export function hangUp(kind: CutKind = 'end'): Behaviour {
  return ({ request: { socket } }) => {
    if (kind === 'end') socket.end();
    else socket.resetAndDestroy();
  };
}

/** Sends so many bytes of the body, then does something else. */
function after(bytes: number, behaviour: Behaviour, then: (exchange: Exchange) => Buffer | undefined): Behaviour {
  return (exchange) => {
    let left = bytes;
    let rest: Buffer = Buffer.alloc(0);
    behaviour({
      ...exchange,
      pump: (next) =>
        exchange.pump(() => {
          if (left === 0) return then(exchange);
          const chunk = rest.length > 0 ? rest : next();
          if (chunk === undefined) return undefined;
          const piece = chunk.subarray(0, left);
          rest = chunk.subarray(piece.length);
          left -= piece.length;
          return piece;
        }),
    });
  };
}

const nothing = Buffer.alloc(0);

/** Breaks the connection after so many bytes of the body: all of them have left by then. */
export function resetAfter(bytes: number, behaviour: Behaviour): Behaviour {
  return after(bytes, behaviour, ({ response, reset }) => {
    if (response.socket?.writableLength === 0) reset();
    return nothing;
  });
}

/** Ends in order after so many bytes of the body. */
export function endAfter(bytes: number, behaviour: Behaviour): Behaviour {
  return after(bytes, behaviour, ({ request }) => {
    // Where the head names a length, only the connection can end before it.
    request.socket.end();
    return nothing;
  });
}

/** Sends nothing more after so many bytes of the body. */
export function stallAfter(bytes: number, behaviour: Behaviour): Behaviour {
  return after(bytes, behaviour, () => nothing);
}

/** Text before the first byte of the body, a warning of PHP for instance. */
export function junkBefore(junk: Buffer | string, behaviour: Behaviour): Behaviour {
  return (exchange) => {
    let first: Buffer | undefined = Buffer.from(junk);
    behaviour({
      ...exchange,
      pump: (next) =>
        exchange.pump(() => {
          const piece = first ?? next();
          first = undefined;
          return piece;
        }),
    });
  };
}

/** Waits before it answers. */
export function answerAfter(delayMs: number, behaviour: Behaviour): Behaviour {
  return (exchange) => {
    const timer = setTimeout(() => behaviour(exchange), delayMs);
    exchange.response.once('close', () => clearTimeout(timer));
  };
}

/** The first request is answered by the first behaviour, the second by the second; all that follow by the last. */
export function inTurn(...behaviours: readonly Behaviour[]): Behaviour {
  let count = 0;
  return (exchange) => behaviours[Math.min(count++, behaviours.length - 1)]?.(exchange);
}

/** Lets so many connections in at a time; those beyond it get the other behaviour: `status(429)`, `hangUp()`, a clip. */
export function limit(most: number, whenFull: Behaviour, behaviour: Behaviour): Behaviour {
  let open = 0;
  return (exchange) => {
    if (open >= most) {
      whenFull(exchange);
      return;
    }
    open++;
    exchange.response.once('close', () => open--);
    behaviour(exchange);
  };
}

/** Answers HEAD with this status, as servers do that know only GET. */
export function refuseHead(code: number, behaviour: Behaviour): Behaviour {
  return (exchange) => (exchange.request.method === 'HEAD' ? status(code) : behaviour)(exchange);
}

export interface FileOptions {
  /** Strong with quotes only, weak as `W/"…"`; null: none. Default `"1"`. */
  readonly etag?: string | null;
  /** An HTTP date; null: none. */
  readonly lastModified?: string | null;
  readonly contentType?: string;
  /** What several ranges get: all of the file with 200 (default), or multipart/byteranges. */
  readonly severalRanges?: 'whole' | 'multipart';
  /** Ranges are not understood: always 200. */
  readonly ignoresRange?: boolean;
  /** Default: as fast as it is read. */
  readonly bytesPerTick?: number;
  /** Where in the file the connection ends or falls silent, whichever range is being sent; with `times`, so often only. */
  readonly cut?: { readonly at: number; readonly kind: CutKind | 'stall'; readonly times?: number };
}

/** A file, as a server of files answers (RFC 9110, 13 and 14). */
export function file(bytes: Buffer, options: FileOptions = {}): Behaviour {
  const { etag = '"1"', lastModified = 'Thu, 01 Jan 2026 00:00:00 GMT', contentType = 'video/mp4', cut } = options;
  let cutsLeft = cut?.times ?? Infinity;

  const about: Record<string, string> = { 'content-type': contentType };
  if (!options.ignoresRange) about['accept-ranges'] = 'bytes';
  if (etag !== null) about['etag'] = etag;
  if (lastModified !== null) about['last-modified'] = lastModified;

  function rangesOf({ headers }: IncomingMessage): readonly ByteRange[] | undefined {
    if (headers.range === undefined || options.ignoresRange) return undefined;
    const ifRange = headers['if-range'];
    const isStrong = typeof ifRange === 'string' && !ifRange.startsWith('W/');
    if (ifRange !== undefined && !(isStrong && (ifRange === etag || ifRange === lastModified))) return undefined;
    return parseRanges(headers.range, bytes.length);
  }

  function send(exchange: Exchange, from: number, to: number): void {
    const isCut = cut !== undefined && cut.at >= from && cut.at < to && cutsLeft > 0;
    if (isCut) cutsLeft--;
    const paced: Behaviour = ({ pump }) => pump(reader(bytes.subarray(from, to), options.bytesPerTick));
    if (!isCut) paced(exchange);
    else cutters[cut.kind](cut.at - from, paced)(exchange);
  }

  return (exchange) => {
    const ranges = rangesOf(exchange.request);
    const isMultipart = ranges !== undefined && ranges.length > 1;
    if (ranges === undefined || (isMultipart && options.severalRanges !== 'multipart')) {
      exchange.head(200, { ...about, 'content-length': String(bytes.length) });
      send(exchange, 0, bytes.length);
      return;
    }
    const [first] = ranges;
    if (first === undefined) {
      exchange.head(416, { ...about, 'content-range': `bytes */${bytes.length}`, 'content-length': '0' });
      exchange.end();
      return;
    }
    if (isMultipart) {
      const boundary = 'a-boundary-of-this-file';
      const body = multipart(bytes, ranges, { boundary, contentType });
      const type = `multipart/byteranges; boundary=${boundary}`;
      exchange.head(206, { ...about, 'content-type': type, 'content-length': String(body.length) });
      exchange.pump(reader(body, options.bytesPerTick));
      return;
    }
    const { from, to } = first;
    exchange.head(206, { ...about, 'content-range': contentRange(first, bytes), 'content-length': String(to - from) });
    send(exchange, from, to);
  };
}

const cutters = { end: endAfter, reset: resetAfter, stall: stallAfter } as const;

/** Pieces of 64 KB, at a rate where one is given. */
function reader(bytes: Buffer, bytesPerTick = Infinity): () => Buffer | undefined {
  const clock = createFeedClock();
  let place = 0;
  return () => {
    if (place >= bytes.length) return undefined;
    const due = Math.min(64 * 1024, (clock.ticks + 1) * bytesPerTick - place);
    const piece = bytes.subarray(place, place + Math.max(0, due));
    place += piece.length;
    return piece;
  };
}

/** `to` is behind the last byte. */
interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** Undefined for what is no range of bytes, which is ignored; empty where none of them is in the file. */
function parseRanges(text: string, length: number): readonly ByteRange[] | undefined {
  const [, list] = /^bytes=(.+)$/i.exec(text) ?? [];
  if (list === undefined) return undefined;
  const ranges: ByteRange[] = [];
  for (const each of list.split(',')) {
    const [, first = '', last = ''] = /^\s*(\d*)-(\d*)\s*$/.exec(each) ?? [];
    if (first === '' && last === '') return undefined;
    if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
    const from = first === '' ? Math.max(0, length - Number(last)) : Number(first);
    const to = first === '' || last === '' ? length : Math.min(length, Number(last) + 1);
    if (from < to) ranges.push({ from, to });
  }
  return ranges;
}

function contentRange({ from, to }: ByteRange, bytes: Buffer): string {
  return `bytes ${from}-${to - 1}/${bytes.length}`;
}

function multipart(
  bytes: Buffer,
  ranges: readonly ByteRange[],
  { boundary, contentType }: { readonly boundary: string; readonly contentType: string },
): Buffer {
  const parts = ranges.flatMap((range) => [
    Buffer.from(
      `\r\n--${boundary}\r\ncontent-type: ${contentType}\r\ncontent-range: ${contentRange(range, bytes)}\r\n\r\n`,
    ),
    bytes.subarray(range.from, range.to),
  ]);
  return Buffer.concat([...parts, Buffer.from(`\r\n--${boundary}--\r\n`)]);
}
