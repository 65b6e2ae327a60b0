import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAccounts } from '../../src/relay/account-slots';
import { createActiveStreams } from '../../src/relay/active-streams';
import { createAddressGuard } from '../../src/relay/address-guard';
import type { RelayClients, RelayReports } from '../../src/relay/client';
import { createClients } from '../../src/relay/clients';
import { createPassthrough } from '../../src/relay/passthrough';
import type { PassthroughTimes } from '../../src/relay/passthrough-source';
import { createProvider } from '../../src/relay/provider-client';
import type { RelayStream } from '../../src/relay/stream';
import type { Resolve } from '../../src/relay/stream-resolvers';
import type { SlotPolicy } from '../../src/relay/take-slot';

export interface PassthroughLabOptions {
  readonly resolve?: Resolve;
  readonly policy?: Partial<SlotPolicy>;
  readonly times?: Partial<PassthroughTimes>;
  /** Of the account that all URLs of 127.0.0.1 belong to; none when left out. */
  readonly slots?: number;
  readonly maxClients?: number;
}

export interface HlsAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** Whether it came to its end in order. */
  readonly isWhole: boolean;
}

/** A relay that passes one stream through and does nothing else, with a clock of its own. */
export interface PassthroughLab {
  readonly streamId: string;
  setSources(...urls: readonly string[]): void;
  /** Of the URL of an answer, relative URLs are followed. */
  get(path: string, options?: GetOptions): Promise<HlsAnswer>;
  /** Asks, and reads nothing; ends when it is left. */
  begin(path: string): Promise<{ leave(): void }>;
  readonly reports: readonly string[];
  readonly clients: RelayClients;
  slotsInUse(): number;
  /** Time goes by, and sessions that are idle end. */
  wait(ms: number): void;
  readonly url: string;
  close(): Promise<void>;
}

export interface GetOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function createPassthroughLab(options: PassthroughLabOptions = {}): Promise<PassthroughLab> {
  const { slots, maxClients = 1_000 } = options;
  let sources: readonly string[] = [];
  let aheadMs = 0;
  const nowMs = (): number => performance.now() + aheadMs;
  const lines: string[] = [];
  const told = tell(lines);
  const clients = createClients({ most: maxClients, reports: told });
  const accounts = createAccounts(
    new Map(slots === undefined ? [] : [['all', { match: '127.0.0.1', maxConnections: slots }]]),
  );
  const provider = createProvider({ guard: createAddressGuard({ allow: ['127.0.0.0/8'] }), keepAlive: true });
  const ticks = new Set<() => void>();
  const fail = (...parts: unknown[]): never => {
    throw new Error(JSON.stringify(parts));
  };
  const stream = (): RelayStream => {
    const [url = '', ...failoverUrls] = sources;
    return { ...emptyStream, url, failoverUrls };
  };
  const serve = createPassthrough({
    key: Buffer.alloc(32, 7),
    addressOf: () => '192.0.2.1',
    provider,
    accounts,
    policy: { whenFull: 'next', waitForSlotMs: 0, ...options.policy },
    times: { stallMs: 60_000, retryAfterRunningMs: 30_000, clientTimeoutMs: 30_000, ...options.times },
    resolve: (_stream, left) => options.resolve?.(left),
    failback: 'idle',
    streams: createActiveStreams(),
    find: () => stream(),
    foundType(res, { type }) {
      res.writeHead(302, { location: type }).end();
      return Promise.resolve();
    },
    clients,
    reports: told,
    ticker: {
      add(tick) {
        ticks.add(tick);
        return () => void ticks.delete(tick);
      },
      get count() {
        return ticks.size;
      },
    },
    nowMs,
    log: { debug: fail, info: fail, warn: fail, error: fail, isLevelEnabled: () => true },
  });
  const server = createServer({ highWaterMark: 16_384 }, (req, res) => {
    const [path = '', query = ''] = (req.url ?? '').split('?', 2);
    serve(req, res, stream(), { path: path.replace(/^\/hls\/[^/]+\//, ''), query });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hls/${emptyStream.id}/`;

  return {
    streamId: emptyStream.id,
    url,
    setSources: (...urls) => void (sources = urls),
    get: (path, { method = 'GET', headers = {} } = {}) =>
      new Promise((resolve, reject) => {
        const asked = request(new URL(path, url), { agent: false, method, headers }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', () => undefined);
          response.on('close', () => {
            const body = Buffer.concat(chunks);
            const { statusCode: status = 0 } = response;
            resolve({ status, headers: response.headers, body, text: body.toString(), isWhole: response.complete });
          });
        });
        asked.on('error', reject);
        asked.end();
      }),
    begin: (path) =>
      new Promise((resolve) => {
        const asked = request(new URL(path, url), { agent: false });
        asked.on('error', () => undefined);
        asked.on('response', (response) => response.pause());
        asked.end(() => resolve({ leave: () => void asked.destroy() }));
      }),
    reports: lines,
    clients,
    slotsInUse: () => accounts.list()[0]?.inUse ?? 0,
    wait(ms) {
      aheadMs += ms;
      for (const tick of ticks) tick();
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      for (const client of clients.all()) client.disconnect();
      await accounts.stop();
      provider.close();
    },
  };
}

const emptyStream: RelayStream = {
  id: 'e'.repeat(32),
  url: '',
  failoverUrls: [],
  resolverUrl: undefined,
  userAgent: 'relay-test/1',
  headers: { 'x-of-the-stream': 'yes', cookie: 'own=1' },
  metadata: {},
  type: 'hls',
  hls: 'passthrough',
  createdAt: '2026-11-01T00:00:00Z',
};

function tell(lines: string[]): RelayReports {
  const say = (...words: readonly (string | number)[]): void => void lines.push(words.join(' '));
  return {
    streamStarted: () => say('started'),
    streamStopped: (_, reason) => say('stopped:', reason),
    clientConnected: () => say('connected'),
    clientDisconnected: ({ bytes, segments }) => say('disconnected after', segments, 'segments of', bytes, 'bytes'),
    failedOver: ({ from, to, trigger }) => say('over from', from, 'to', to, 'because of', trigger),
    clientFailed: (_, { trigger }) => say('failed because of', trigger),
    connected: (_, source, _elapsedMs, failure) => say('source', source, failure?.trigger ?? 'opened'),
  };
}
