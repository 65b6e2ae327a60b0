import type { FleetServer } from '../../src/directory';
import {
  type ApiFailure,
  type ApiResult,
  type Feed,
  type MediamtxClient,
  noReaders,
  type PathConfig,
  type PathReport,
} from '../../src/mediamtx';

/** A Control API in memory, whose answers a test sets. */
export interface FakeServer {
  readonly name: string;
  /** Live streams and when their publisher came (ms). */
  streams: Record<string, number>;
  /** What it has of those that nobody publishes there. */
  feeds: Record<string, Feed>;
  /** Paths that its lists and answers name although they are not live, and their source's type. */
  idle: Record<string, string | undefined>;
  configs: readonly PathConfig[];
  /** Set to make the call for the configuration fail, or never end. */
  configFault: ApiFailure | 'stall' | undefined;
  /** Set to make every call fail, or to make it never end (`stall`). */
  fault: ApiFailure | 'stall' | undefined;
  readers: number;
  calls: { list: number; get: number; configs: number; info: number };
  client: MediamtxClient;
  fleet: FleetServer;
}

export function createFakeServer(name: string): FakeServer {
  const fake: FakeServer = {
    name,
    streams: {},
    feeds: {},
    idle: {},
    configs: [],
    configFault: undefined,
    fault: undefined,
    readers: 0,
    calls: { list: 0, get: 0, configs: 0, info: 0 },
    fleet: {
      name,
      address: '127.0.0.1',
      port: 8888,
      apiUrl: `http://${name}:9997`,
      operational: 'UP',
      administrative: 'ready',
      isBackup: false,
      kind: 'mediamtx',
    },
    client: {
      listPaths: (onReport) => {
        fake.calls.list++;
        return answer(fake, () => {
          for (const stream of Object.keys(fake.streams)) onReport(report(fake, stream));
          for (const stream of Object.keys(fake.idle)) onReport(idleReport(fake, stream));
          return { ignored: 0, ownMs: 0 };
        });
      },
      getPath: (stream) => {
        fake.calls.get++;
        return answer(fake, () => {
          if (Object.hasOwn(fake.streams, stream)) return report(fake, stream);
          return Object.hasOwn(fake.idle, stream) ? idleReport(fake, stream) : undefined;
        });
      },
      listPathConfigs: (onConfig) => {
        fake.calls.configs++;
        return answer(
          fake,
          () => {
            for (const config of fake.configs) onConfig(config);
            return undefined;
          },
          fake.configFault ?? fake.fault,
        );
      },
      info: () => {
        fake.calls.info++;
        return answer(fake, () => ({ version: 'v1.20.1', era: 'session' as const }));
      },
      close: () => Promise.resolve(),
    },
  };
  return fake;
}

function answer<T>(fake: FakeServer, value: () => T, fault = fake.fault): Promise<ApiResult<T>> {
  if (fault === 'stall') return new Promise(() => undefined);
  if (fault !== undefined) {
    return Promise.resolve({ ok: false, failure: fault, detail: `server ${fake.name}: ${fault}`, tookMs: 1 });
  }
  return Promise.resolve({ ok: true, value: value(), tookMs: 1 });
}

const sourceTypes: Readonly<Record<Feed, string | undefined>> = {
  publisher: 'rtspSession',
  pulled: 'rtspSource',
  filler: undefined,
};

function report(fake: FakeServer, name: string): PathReport {
  const feed = fake.feeds[name] ?? 'publisher';
  return {
    name,
    live: feed !== 'filler',
    feed,
    publisherSinceMs: fake.streams[name] ?? 0,
    sourceType: sourceTypes[feed],
    readers: { ...noReaders, hls: fake.readers },
    tracks: ['H264'],
    bytesReceived: 1,
    bytesSent: 1,
  };
}

function idleReport(fake: FakeServer, name: string): PathReport {
  return { ...report(fake, name), live: false, feed: undefined, sourceType: fake.idle[name] };
}
