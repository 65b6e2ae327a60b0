import { connect } from 'node:net';
import { createHttpServer, type HttpServer, type HttpServerOptions } from '../../../src/api';
import type { HolderView, ServerView, StreamView } from '../../../src/directory';
import type { Steps } from '../../../src/http/heavy-work';
import type { Decision, Explanation } from '../../../src/router';
import { createRecordingLog } from '../spoe/recording-log';

/** An HTTP server on a free port, with a directory and a router in memory whose answers a test may change. */
export interface HttpLab {
  readonly server: HttpServer;
  readonly directory: { streams: StreamView[]; servers: ServerView[]; evidence: boolean };
  readonly router: { decide: (stream: string, session: string) => Decision | Promise<Decision> };
  readonly log: string[];
  /** What the directory was asked to confirm, `stream server`. */
  readonly confirmed: string[];
  /** How many reports had been answered with 202 when the directory was asked, by question. */
  readonly answeredBefore: number[];
  /** What the router was asked, `stream session`. */
  readonly asked: string[];
  /** One request on a connection of its own, with the target exactly as given. */
  request(target: string, options?: RequestOptions): Promise<Reply>;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: readonly string[];
  /** Sent as JSON, or as it is when it is a text; its headers are added. */
  readonly body?: unknown;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly json: unknown;
}

export const located: Decision = { state: 'located', server: 'mtx1' };

export function holder(server: string, more: Partial<HolderView> = {}): HolderView {
  return {
    server,
    publisherSince: '2026-01-02T03:04:05.000Z',
    sourceType: 'rtmpConn',
    pulled: false,
    tracks: ['H264', 'MPEG-4 Audio'],
    readers: 2,
    readersByProtocol: { rtsp: 1, rtmp: 0, srt: 0, webrtc: 1, other: 0 },
    bytesReceived: 1000,
    bytesSent: 2000,
    evidence: { source: 'inventory', ageMs: 250, stale: false },
    ...more,
  };
}

export function stream(name: string, holders: readonly HolderView[] = [holder('mtx1')]): StreamView {
  return { name, kind: 'mediamtx', holders, fillers: [], conflict: false, policy: 'newest' };
}

export function serverView(name: string, api: Partial<ServerView['api']> = {}): ServerView {
  return {
    name,
    kind: 'mediamtx',
    address: '127.0.0.11',
    port: 8888,
    apiUrl: 'http://127.0.0.11:9997',
    operational: 'UP',
    administrative: 'ready',
    backup: false,
    api: {
      health: 'ok',
      consecutiveFailures: 0,
      lastError: undefined,
      inventoryAgeMs: 300,
      inventoryTookMs: 4,
      version: 'v1.20.1',
      era: 'session',
      ...api,
    },
    streams: 1,
    readers: 2,
    readersByProtocol: { rtsp: 1, rtmp: 0, srt: 0, webrtc: 1, other: 0 },
    hlsSessions: 0,
  };
}

export async function startHttpLab(options: Partial<HttpServerOptions> = {}): Promise<HttpLab> {
  const { log, lines } = createRecordingLog();
  const asked: string[] = [];
  const confirmed: string[] = [];
  const answeredBefore: number[] = [];
  const directory: HttpLab['directory'] = { streams: [], servers: [], evidence: true };
  const router: HttpLab['router'] = { decide: () => located };
  const explain = (name: string, session: string | undefined): Promise<Explanation> =>
    Promise.resolve({
      stream: name,
      kind: 'mediamtx',
      session,
      state: 'unknown',
      server: undefined,
      rule: 'no-evidence',
      because: `nobody is known to have ${name}`,
      evidence: [
        { server: 'mtx1', says: 'no answer', source: undefined, ageMs: undefined, stale: true, path: 'unknown' },
      ],
    });
  const server = createHttpServer({
    router: {
      decide: (name, session) => {
        asked.push(`${name} ${session}`);
        return router.decide(name, session);
      },
      explain,
    },
    directory: {
      streamNames: () => directory.streams.map(({ name }) => name).values(),
      stream: (name) => directory.streams.find((one) => one.name === name),
      servers: () => directory.servers,
      hasEvidence: () => directory.evidence,
      confirm: (name, at) => {
        confirmed.push(`${name} ${at ?? '-'}`);
        answeredBefore.push(server.stats.answers.get('/v1/hooks/mediamtx')?.get(202) ?? 0);
        return Promise.resolve();
      },
    },
    metrics: { render: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }) },
    log,
    version: '1.2.3',
    ...options,
  });
  await server.listen('127.0.0.1', 0);
  return {
    server,
    directory,
    router,
    log: lines,
    asked,
    confirmed,
    answeredBefore,
    request: async (target, options) => parseReply(await exchange(server, requestText(target, options))),
  };
}

/** The result of steps that nothing interrupts. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** A request for a connection of its own. */
export function requestText(target: string, { method = 'GET', headers = [], body }: RequestOptions = {}): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const isTyped = headers.some((header) => /^content-type:/i.test(header));
  const bodyHeaders =
    body === undefined
      ? []
      : [
          `Content-Length: ${Buffer.byteLength(text, 'latin1')}`,
          ...(isTyped ? [] : ['Content-Type: application/json']),
        ];
  const head = [`${method} ${target} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', ...bodyHeaders, ...headers];
  return `${head.join('\r\n')}\r\n\r\n${body === undefined ? '' : text}`;
}

/** Sends bytes on a new connection, over the admin socket when its path is given; resolves with all that came back when the server has closed it. */
export function exchange(server: HttpServer, bytes: string, socketPath?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const to =
      socketPath === undefined ? { host: '127.0.0.1', port: Number(new URL(server.url).port) } : { path: socketPath };
    const connection = connect(to, () => connection.write(bytes, 'latin1'));
    connection.on('data', (chunk: Buffer) => chunks.push(chunk));
    connection.once('error', reject).once('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });
}

/** Reads one answer: status, headers in lower case, body. */
export function parseReply(bytes: string): Reply {
  const end = bytes.indexOf('\r\n\r\n');
  const [first = '', ...lines] = bytes.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const text = bytes.slice(end + 4);
  const isJson = /json/.test(headers['content-type'] ?? '') && text !== '';
  return { status: Number(first.split(' ')[1]), headers, text, json: isJson ? JSON.parse(text) : undefined };
}
