import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Accounts, SlotRequest } from '../../src/relay/accounts';
import { createAddressGuard } from '../../src/relay/address-guard';
import type { RelayClients, RelayReports } from '../../src/relay/client';
import { createClients } from '../../src/relay/clients';
import type { OpenSource, Provider } from '../../src/relay/provider';
import { createProvider } from '../../src/relay/provider-client';
import type { RelayStream } from '../../src/relay/stream';
import type { Resolve } from '../../src/relay/stream-resolvers';
import { serveVod, type VodSettings } from '../../src/relay/vod';
import { until } from './until';

export interface VodLabOptions {
  /** Without it, nobody is asked. */
  readonly resolve?: Resolve;
  readonly settings?: Partial<VodSettings>;
  /** How many connections every host may have; default any number. */
  readonly slots?: number;
  readonly maxClients?: number;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether the body came to its end in order. */
  readonly isWhole: boolean;
}

/** A request of which the answer has begun. */
export interface Reading {
  readonly status: number;
  readonly socket: Socket;
  read(): void;
  leave(): void;
  readonly ended: Promise<Answered>;
}

/** A relay that has one file and nothing else. */
export interface VodLab {
  /** The sources of the file; from the next request on. */
  setSources(...urls: readonly string[]): void;
  get(headers?: Readonly<Record<string, string>>, query?: string): Promise<Answered>;
  head(headers?: Readonly<Record<string, string>>): Promise<Answered>;
  /** Asks, and reads nothing until `read`. */
  begin(headers?: Readonly<Record<string, string>>): Promise<Reading>;
  /** What was reported, a line each. */
  readonly reports: readonly string[];
  readonly clients: RelayClients;
  readonly slotsInUse: number;
  /** A player takes over its own slot of the account, the oldest one. */
  takeOver(): void;
  /** What was opened at providers, in order. */
  readonly opened: readonly OpenSource[];
  /** The relay's ends of its clients' connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  readonly url: string;
  close(): Promise<void>;
}

export async function createVodLab(options: VodLabOptions = {}): Promise<VodLab> {
  const { slots = Infinity, maxClients = 1_000 } = options;
  const settings: VodSettings = { stallTimeoutMs: 60_000, whenFull: 'next', waitForSlotMs: 0, ...options.settings };
  const reports: string[] = [];
  const opened: OpenSource[] = [];
  const sockets = new Set<Socket>();
  const told = tell(reports);
  const clients = createClients({ most: maxClients, reports: told });
  const accounts = createSlots(slots);
  let sources: readonly string[] = [];
  let count = 0;

  const real = createProvider({ guard: createAddressGuard({ allow: ['127.0.0.0/8'] }) });
  const provider: Provider = {
    async open(asked) {
      const result = await real.open(asked);
      if (result.source !== undefined) opened.push(result.source);
      return result;
    },
  };
  const server = createServer({ highWaterMark: 16_384, noDelay: true }, (req, res) => {
    const [url = '', ...failoverUrls] = sources;
    const viewer = {
      id: `viewer-${++count}`,
      player: 'player',
      address: '127.0.0.1',
      userAgent: req.headers['user-agent'] ?? '',
      username: undefined,
    };
    const stream: RelayStream = { ...emptyStream, url, failoverUrls };
    const clientQuery = req.url?.split('?')[1] ?? '';
    void serveVod(req, res, {
      stream,
      viewer,
      clientQuery,
      resolve: options.resolve ?? (() => undefined),
      provider,
      accounts,
      clients,
      reports: told,
      settings,
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/stream/file`;

  function ask(method: string, headers: Readonly<Record<string, string>> = {}, query = ''): Promise<Reading> {
    return new Promise((resolve, reject) => {
      const asked = request(`${url}${query}`, { agent: false, method, headers });
      asked.on('error', reject);
      asked.on('response', (response) => {
        const chunks: Buffer[] = [];
        const { statusCode: status = 0 } = response;
        const ended = new Promise<Answered>((end) => {
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', () => undefined);
          response.on('close', () => {
            end({ status, headers: response.headers, body: Buffer.concat(chunks), isWhole: response.complete });
          });
        });
        response.pause();
        resolve({
          status,
          socket: response.socket,
          read: () => void response.resume(),
          leave: () => void response.destroy(),
          ended,
        });
      });
      asked.end();
    });
  }

  async function answer(...asked: Parameters<typeof ask>): Promise<Answered> {
    const reading = await ask(...asked);
    reading.read();
    return reading.ended;
  }

  return {
    setSources: (...urls) => void (sources = urls),
    get: (headers, query) => answer('GET', headers, query),
    head: (headers) => answer('HEAD', headers),
    begin: (headers) => ask('GET', headers),
    reports,
    clients,
    get slotsInUse() {
      return accounts.list()[0]?.inUse ?? 0;
    },
    takeOver: () => accounts.takeOver(),
    opened,
    sockets,
    url,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Until nothing is open any more: no client, no slot, no socket. */
export async function untilQuiet(lab: VodLab): Promise<void> {
  await until(
    'all clients to be gone',
    () => lab.clients.count === 0 && lab.slotsInUse === 0 && lab.sockets.size === 0,
  );
}

const emptyStream: RelayStream = {
  id: 'f'.repeat(32),
  url: '',
  failoverUrls: [],
  resolverUrl: undefined,
  userAgent: 'relay-test/1',
  headers: { 'x-of-the-stream': 'yes' },
  metadata: {},
  type: 'vod',
  hls: 'channel',
  createdAt: '2026-11-01T00:00:00Z',
};

/** One account to which every URL belongs. */
function createSlots(maxConnections: number): Accounts & { takeOver(): void } {
  const held = new Set<SlotRequest>();
  const take: Accounts['take'] = (request) => {
    if (held.size >= maxConnections) return undefined;
    held.add(request);
    return { account: 'all', release: () => void held.delete(request) };
  };
  return {
    nameOf: () => 'all',
    take,
    async wait(request, _waitMs, signal) {
      await until('a free slot', () => held.size < maxConnections || signal.aborted, 2);
      return signal.aborted ? undefined : take(request);
    },
    list: () => [{ name: 'all', maxConnections, inUse: held.size, inUseElsewhere: 0, isAlone: false, waiting: 0 }],
    takeOver() {
      for (const request of [...held].slice(0, 1)) request.onTakenOver();
    },
  };
}

function tell(lines: string[]): RelayReports {
  const say = (...words: readonly (string | number)[]): void => void lines.push(words.join(' '));
  return {
    streamStarted: () => say('started'),
    streamStopped: (_, reason) => say('stopped:', reason),
    clientConnected: ({ id }) => say(id, 'connected'),
    clientDisconnected: ({ id, bytes, source }) => say(id, 'disconnected after', bytes, 'bytes of source', source),
    failedOver: ({ from, to, trigger }) => say('over from', from, 'to', to, 'because of', trigger),
    clientFailed: ({ id }, { trigger }) => say(id, 'failed because of', trigger),
    connected: (_, source, _elapsedMs, failure) => say('source', source, failure?.trigger ?? 'opened'),
  };
}
