import type { FleetServer } from '../../src/directory';
import { type ApiFailure, type ApiResult, type MediamtxClient, noReaders, type PathReport } from '../../src/mediamtx';

/** A Control API in memory, whose answers a test sets. */
export interface FakeServer {
  readonly name: string;
  /** Live streams and when their publisher came (ms). */
  streams: Record<string, number>;
  /** Set to make every call fail, or to make it never end (`stall`). */
  fault: ApiFailure | 'stall' | undefined;
  readers: number;
  calls: { list: number; get: number; info: number };
  client: MediamtxClient;
  fleet: FleetServer;
}

export function createFakeServer(name: string): FakeServer {
  const fake: FakeServer = {
    name,
    streams: {},
    fault: undefined,
    readers: 0,
    calls: { list: 0, get: 0, info: 0 },
    fleet: {
      name,
      address: '127.0.0.1',
      port: 8888,
      apiUrl: `http://${name}:9997`,
      operational: 'UP',
      administrative: 'ready',
    },
    client: {
      listPaths: (onReport) => {
        fake.calls.list++;
        return answer(fake, () => {
          for (const stream of Object.keys(fake.streams)) onReport(report(fake, stream));
          return { ignored: 0, ownMs: 0 };
        });
      },
      getPath: (stream) => {
        fake.calls.get++;
        return answer(fake, () => (fake.streams[stream] === undefined ? undefined : report(fake, stream)));
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

function answer<T>(fake: FakeServer, value: () => T): Promise<ApiResult<T>> {
  if (fake.fault === 'stall') return new Promise(() => undefined);
  if (fake.fault !== undefined) {
    return Promise.resolve({ ok: false, failure: fake.fault, detail: `server ${fake.name}: ${fake.fault}`, tookMs: 1 });
  }
  return Promise.resolve({ ok: true, value: value(), tookMs: 1 });
}

function report(fake: FakeServer, name: string): PathReport {
  return {
    name,
    live: true,
    publisherSinceMs: fake.streams[name] ?? 0,
    sourceType: 'rtspSession',
    readers: { ...noReaders, hls: fake.readers },
    tracks: ['H264'],
    bytesReceived: 1,
    bytesSent: 1,
  };
}
