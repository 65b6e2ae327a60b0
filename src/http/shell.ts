import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../log';
import { listenOn, ownValue } from '../wire';
import { listenOnAdminSocket } from './admin-socket';
import { createConnections } from './connections';
import type { Hosts } from './hosts';
import { countAnswer, type HttpStats } from './http-stats';
import { type ProblemName, problemBody, problemTitles, respondProblem } from './problem';
import type { RawHeaders } from './respond';

export interface HttpShellOptions<Stats extends HttpStats> {
  /** Answers a request. @returns true when a small answer is in the socket's hands already, which needs no bookkeeping. */
  readonly handle: (req: IncomingMessage, res: ServerResponse) => boolean;
  /** At `stop`, before no more connections are taken. */
  readonly beforeClose?: () => Promise<void>;
  /** Under which names it answers over TCP. */
  readonly hosts: Pick<Hosts, 'refused'>;
  readonly stats: Stats;
  /** Each request can cause a line: bounded. */
  readonly log: Logger;
  /** Of refusals of what cannot be read as a question: `x-mtx-state: unknown` for the Lua bridge, say. */
  readonly unreadableHeaders?: RawHeaders;
  /** When so many are open, one that has no answer to come makes room for a new one; 1024 when left out. */
  readonly maxConnections?: number | undefined;
  /** How much of an answer waits in a socket's own memory, in bytes; Node's own choice when left out. */
  readonly highWaterMark?: number | undefined;
  /** Who answers, and the setting that names its hosts, for refusals; the agent and `http.hosts` when left out. */
  readonly program?: { readonly name: string; readonly hostsKey: string; readonly hostsVariable: string } | undefined;
}

/** What every program that speaks HTTP has around its answers: where it listens, limits, time-outs, and an end in order. */
export interface HttpShell<Stats extends HttpStats = HttpStats> {
  /**
   * Listens; port 0 takes a free one.
   * @throws (rejects) Error that names the address; its `cause` is the system's error.
   */
  listen(host: string, port: number): Promise<void>;
  /**
   * Listens on the admin socket as well, over which changes need no token.
   * @throws (rejects) Error that says why that cannot be, in words.
   */
  listenForAdmin(path: string): Promise<void>;
  /** Where the admin socket is; undefined when there is none. */
  readonly adminSocket: string | undefined;
  /** Whether a request came over the admin socket. */
  isOverSocket(req: IncomingMessage): boolean;
  /** Where it listens, `http://host:port`; empty when it does not. */
  readonly url: string;
  /** Takes no new connections, closes idle ones, lets requests in hand finish (5 s at most), and closes the rest. */
  stop(): Promise<void>;
  readonly stats: Stats;
}

/** Time from a connection's or request's first byte to the end of its header, and of its (unread) body. */
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 15_000;
/** A peer that reads nothing of its answer for so long is cut. */
const idleTimeoutMs = 30_000;
/** Longer than the time for which usual clients keep an idle connection, so that they are the ones to close it. */
const keepAliveTimeoutMs = 75_000;
const stopGraceMs = 5_000;
const maxAdminConnections = 64;
/** A session and a name of the greatest length, every byte of them escaped, fit in. */
const urlLimit = 8_192;

/** Makes the listeners of one program, over TCP and on the admin socket, with the limits that hold for every request. */
export function createHttpShell<Stats extends HttpStats>(options: HttpShellOptions<Stats>): HttpShell<Stats> {
  const { handle, hosts, stats, log, unreadableHeaders = [], maxConnections = 1024, highWaterMark } = options;
  const { program = { name: 'agent', hostsKey: 'http.hosts', hostsVariable: 'MTXPILOT_HTTP_HOSTS' } } = options;
  let socketPath: string | undefined;
  const overSocket = new WeakSet<IncomingMessage>();
  let requestsInHand = 0;
  let stopping: (() => void) | undefined;

  function onRequest(req: IncomingMessage, res: ServerResponse): void {
    const { url = '' } = req;
    if (url.length > urlLimit) {
      countAnswer(stats, 'other', 414);
      const detail = `The URL has ${url.length} characters.`;
      const allowed = `at most ${urlLimit} characters`;
      respondProblem(res, 'UrlTooLong', { detail, given: url, allowed }, unreadableHeaders);
      return;
    }
    if (handle(req, res)) return;
    requestsInHand++;
    res.once('close', () => {
      requestsInHand--;
      if (requestsInHand === 0) stopping?.();
    });
  }

  function onTcpRequest(req: IncomingMessage, res: ServerResponse): void {
    const host = hosts.refused(req);
    if (host === undefined) {
      onRequest(req, res);
      return;
    }
    // Not as something unreadable: the Lua bridge then tells of an error, 421, and not of a server that is unknown.
    countAnswer(stats, 'other', 421);
    // In the log and on a terminal: of what is too long the answer shows less still.
    const given = host.slice(0, 300).replace(/[^\x20-\x7e]/g, '?');
    const { name, hostsKey, hostsVariable } = program;
    log.warn({ host: given }, `refused a request under a host name that is not in ${hostsKey}`);
    const detail = `The ${name} does not answer under this name. If it is its own, set ${hostsKey} (${hostsVariable}).`;
    const allowed = `an IP address, localhost, or one of the names in ${hostsKey}`;
    respondProblem(res, 'UnknownHost', { detail, given, allowed });
  }

  function createListener(most: number, onRequestOf: typeof onRequest): Server {
    const connections = createConnections({ most, handle: onRequestOf, stats, log });
    const server = createServer(
      {
        headersTimeout: headersTimeoutMs,
        requestTimeout: requestTimeoutMs,
        keepAliveTimeout: keepAliveTimeoutMs,
        connectionsCheckingInterval: 5_000,
        noDelay: true,
        ...(highWaterMark === undefined ? {} : { highWaterMark }),
      },
      connections.take,
    );
    server.timeout = idleTimeoutMs;
    server.on('connection', (socket) => connections.accept(socket));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      refuseUnparsed(stats, error, socket, unreadableHeaders);
    });
    return server;
  }
  const server = createListener(maxConnections, onTcpRequest);
  const adminServer = createListener(maxAdminConnections, (req, res) => {
    overSocket.add(req);
    onRequest(req, res);
  });

  return {
    stats,
    listen: (host, port) => listenOn(server, { host, port }, { who: 'HTTP', log }),
    async listenForAdmin(path) {
      await listenOnAdminSocket(adminServer, path, log);
      socketPath = path;
    },
    get adminSocket() {
      return socketPath;
    },
    isOverSocket: (req) => overSocket.has(req),
    get url() {
      const at = server.address();
      if (at === null || typeof at === 'string') return '';
      return `http://${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`;
    },
    async stop() {
      await options.beforeClose?.();
      // The file of the socket goes with its server.
      socketPath = undefined;
      const open = [server, adminServer].filter(({ listening }) => listening);
      const closeAll = (): void => {
        for (const one of open) one.closeAllConnections();
      };
      const closed = open.map((one) => new Promise<void>((resolve) => one.close(() => resolve())));
      const grace = setTimeout(closeAll, stopGraceMs);
      stopping = closeAll;
      if (requestsInHand === 0) closeAll();
      await Promise.all(closed);
      clearTimeout(grace);
    },
  };
}

const problemByErrorCode: Readonly<Record<string, ProblemName>> = {
  HPE_HEADER_OVERFLOW: 'HeadersTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
};

/** Answers bytes that never became a request. The socket may be gone already, which needs no answer. */
function refuseUnparsed(stats: HttpStats, error: NodeJS.ErrnoException, socket: Duplex, headers: RawHeaders): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const name = ownValue(problemByErrorCode, error.code ?? '') ?? 'BadRequest';
  const [status] = problemTitles[name];
  countAnswer(stats, 'other', status);
  const body = problemBody(name, {
    detail: 'The bytes that arrived are not a complete HTTP request within the limits.',
  });
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    ...headers.flatMap((text, i) => (i % 2 === 0 ? [`${text}: ${headers[i + 1] ?? ''}`] : [])),
    'connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
