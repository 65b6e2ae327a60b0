import { createApiHandler } from './api-handler';
import { makeClientIp } from './client-ip';
import { type Clock, systemClock } from './clock';
import type { SimCredentials } from './credentials';
import type { SimFault, SimSide } from './fault';
import { createHlsHandler } from './hls-handler';
import { createListener, type Handler } from './listener';
import { mediaLibrary } from './media-library';
import { allSessions, type Session } from './muxer';
import { createPathTable, makeSource, type PathTable, type SimPathConfig } from './path-table';
import type { ReplyStyle } from './reply';
import { contentReadyMs, type SimVariant } from './timeline';
import { createTraffic, type SimCounters, type SimEndpoint, type SimRequest } from './traffic';
import { featuresOf, PROFILE_VERSIONS, type SimProfile } from './version';

/** A stand-in's configuration. */
export interface SimServerOptions {
  /** Listeners bind to this address only. */
  readonly address: string;
  /** Default: the address. */
  readonly name?: string;
  /** Default 8888, MediaMTX's own. */
  readonly hlsPort?: number;
  /** Default 9997, MediaMTX's own. */
  readonly apiPort?: number;
  /** Default 'session'. */
  readonly profile?: SimProfile;
  /** A version written like `v1.19.3`, instead of the profile's. */
  readonly version?: string;
  /** `hlsVariant`. Default 'lowLatency', as in MediaMTX. */
  readonly variant?: SimVariant;
  /** `hlsCDNSecret`. Default '', which means no CDN mode. */
  readonly cdnSecret?: string;
  /** Who may use the Control API. Default: everybody. */
  readonly apiCredentials?: SimCredentials;
  /** Control API calls that something in front of the server refuses with 403. Default none. */
  readonly refusedCalls?: readonly SimEndpoint[];
  /** Who may read. Default: everybody. */
  readonly readCredentials?: SimCredentials;
  /** `paths`. Default: `all_others`: everybody may publish everywhere. */
  readonly paths?: readonly SimPathConfig[];
  /** `hlsAllowOrigins` with one site, such as `https://a.example`. Default: all may read responses. */
  readonly allowOrigin?: string;
  /** `hlsTrustedProxies`: addresses or networks whose X-Forwarded-For counts. Default none. */
  readonly trustedProxies?: readonly string[];
  /**
   * From the first request of a stream until its playlists have content, in milliseconds. Default: as long as MediaMTX takes
   * at the least, 2,000 for fmp4 and 1,000 for the others. 0 makes a stream that seems to have been read before.
   */
  readonly firstSegmentDelayMs?: number;
  /** `hlsAlwaysRemux`: that time begins with the publisher. Default false. */
  readonly alwaysRemux?: boolean;
  /** After how long without a request a session ends. Default 30,000, as in MediaMTX. */
  readonly sessionIdleMs?: number;
  /** `hlsMuxerCloseAfter`. Default 60,000. */
  readonly muxerCloseAfterMs?: number;
  /** Before wrong credentials are refused: shortest and longest, in milliseconds. Default: as in the version. */
  readonly wrongCredentialsDelayMs?: readonly [number, number];
  /** Adds `X-Sim-Server: <name>` to every response, so that a client can tell who answered. Default false. */
  readonly identify?: boolean;
  /** How many HLS requests `requests()` remembers. Default 10,000; 0 turns the log off. */
  readonly requestLogLimit?: number;
  /** Default: the machine's clock. Waiting requests use real timers whatever it says. */
  readonly clock?: Clock;
}

/** How somebody publishes. */
export interface PublishOptions {
  /** MediaMTX's source type. Default `rtspSession`. */
  readonly sourceType?: string;
  /** Whether the publisher sends key frames; without them the muxer never has a segment, and players wait. Default true. */
  readonly hasKeyFrames?: boolean;
}

/** Somebody who publishes a stream. */
export interface SimPublisher {
  readonly stream: string;
  /** The source's id in the Control API. */
  readonly id: string;
  /** Stops publishing; nothing happens when another publisher has taken the stream over, or it has stopped already. */
  stop(): void;
}

/** A viewer's session, as the Control API tells it. */
export type SimSession = Readonly<
  Pick<Session, 'id' | 'stream' | 'clientIp' | 'query' | 'isCdn' | 'createdMs' | 'lastRequestMs'>
>;

/** A stand-in MediaMTX. */
export interface SimServer {
  readonly name: string;
  readonly address: string;
  /** `http://address:port`, without a slash at the end. */
  readonly hlsUrl: string;
  readonly apiUrl: string;
  readonly version: string;
  readonly variant: SimVariant;
  /** Whether it listens: true until `kill` or `stop`. */
  isRunning(): boolean;
  /**
   * Somebody publishes a stream; who did before is replaced. Throws an Error with MediaMTX's words when the name is invalid, not
   * configured, or has a source of its own, and when the server is not running.
   */
  publish(stream: string, options?: PublishOptions): SimPublisher;
  /** The source of a path with `pulls` connects: a copy of a stream from elsewhere. Throws an Error when the path has none. */
  pull(stream: string): void;
  /** The publisher (or that source) leaves: sessions die, the next one starts anew. Tells whether there was one. */
  unpublish(stream: string): boolean;
  /**
   * Somebody reads a live stream by another way than HLS. Throws an Error when it is not live, or the server is not running.
   * @param type MediaMTX's reader type, e.g. `rtspSession`.
   * @returns how to stop; a stream that ends stops its readers.
   */
  read(stream: string, type: string): () => void;
  /** Names of the streams that can be read, sorted. */
  streams(): string[];
  /** Sessions that are alive. Always empty before v1.18.0. */
  sessions(): SimSession[];
  /** From now on one listener fails in this way, with the fault before forgotten. */
  setFault(side: SimSide, fault: SimFault): Promise<void>;
  /** Both listeners work again. Requests that were stalled are answered. */
  clearFaults(): Promise<void>;
  /** Dies at once: connections are closed, new ones refused, everything forgotten. */
  kill(): Promise<void>;
  /** Dies, if it has not, and comes back without streams and sessions. Faults stay. */
  restart(): Promise<void>;
  /** The same as `kill`: nothing is left open. */
  stop(): Promise<void>;
  /** How many times a source or a command on demand was started, by stream; it outlives restarts. */
  starts(): ReadonlyMap<string, number>;
  /** Requests by endpoint. */
  counters(): SimCounters;
  /** The newest requests to the HLS port, oldest first. */
  requests(): readonly SimRequest[];
  /** Counters to zero, log empty. */
  resetTraffic(): void;
  /** Open connections to a listener. */
  connections(side: SimSide): number;
}

const DEFAULT_PATHS: readonly SimPathConfig[] = [{ name: 'all_others' }];

interface Life {
  readonly paths: PathTable;
  readonly api: Handler;
  readonly hls: Handler;
  readonly timers: Set<NodeJS.Timeout>;
}

/**
 * Starts a stand-in MediaMTX and waits until it listens. Rejects when an address is taken or an option is wrong.
 * It holds no timers except for requests that wait.
 */
export async function createSimServer(options: SimServerOptions): Promise<SimServer> {
  const { address, name = address, hlsPort = 8888, apiPort = 9997, variant = 'lowLatency' } = options;
  const features = featuresOf(options.version ?? PROFILE_VERSIONS[options.profile ?? 'session']);
  const clock = options.clock ?? systemClock();
  const traffic = createTraffic(options.requestLogLimit ?? 10_000);
  const style: ReplyStyle = {
    features,
    identifyAs: options.identify ? name : undefined,
    allowOrigin: options.allowOrigin,
  };
  const clientIp = makeClientIp(options.trustedProxies ?? []);
  mediaLibrary();
  let life: Life | undefined;
  const starts = new Map<string, number>();

  function begin(): Life {
    const timers = new Set<NodeJS.Timeout>();
    const paths = createPathTable({
      configs: options.paths ?? DEFAULT_PATHS,
      variant,
      clock,
      firstSegmentDelayMs: options.firstSegmentDelayMs ?? contentReadyMs(variant),
      alwaysRemux: options.alwaysRemux ?? false,
      sessionIdleMs: options.sessionIdleMs ?? 30_000,
      muxerCloseAfterMs: options.muxerCloseAfterMs ?? 60_000,
      onStart: (stream) => starts.set(stream, (starts.get(stream) ?? 0) + 1),
    });
    const afterWrongCredentials = (callback: () => void) => {
      const [shortest, longest] = options.wrongCredentialsDelayMs ?? features.wrongCredentialsDelayMs;
      const timer = setTimeout(
        () => {
          timers.delete(timer);
          callback();
        },
        shortest + Math.random() * (longest - shortest),
      );
      timers.add(timer);
    };
    const api = createApiHandler({
      style,
      clock,
      startedMs: clock(),
      paths,
      config: {
        address,
        hlsPort,
        apiPort,
        variant,
        alwaysRemux: options.alwaysRemux ?? false,
        trustedProxies: options.trustedProxies ?? [],
        cdnSecret: options.cdnSecret ?? '',
      },
      credentials: options.apiCredentials,
      refused: options.refusedCalls ?? [],
      traffic,
      afterWrongCredentials,
    });
    const hls = createHlsHandler({
      style,
      clock,
      paths,
      cdnSecret: options.cdnSecret ?? '',
      readCredentials: options.readCredentials,
      clientIp,
      traffic,
      afterWrongCredentials,
    });
    return { paths, api, hls, timers };
  }

  function end(): void {
    if (!life) return;
    for (const timer of life.timers) clearTimeout(timer);
    life.paths.close();
    life = undefined;
  }

  const listeners = {
    api: createListener(address, apiPort, style, (request, response) => life?.api(request, response)),
    hls: createListener(address, hlsPort, style, (request, response) => life?.hls(request, response)),
  };

  async function start(): Promise<void> {
    life = begin();
    try {
      await listeners.api.open();
      await listeners.hls.open();
    } catch (error) {
      await kill();
      throw error;
    }
  }

  async function kill(): Promise<void> {
    // Sockets go first: a client must see a broken connection, not a last answer.
    await Promise.all([listeners.api.close(), listeners.hls.close()]);
    end();
  }

  function running(): Life {
    if (!life) throw new Error(`server '${name}' is not running`);
    return life;
  }

  await start();

  return {
    name,
    address,
    hlsUrl: `http://${address}:${hlsPort}`,
    apiUrl: `http://${address}:${apiPort}`,
    version: features.version,
    variant,
    isRunning: () => life !== undefined,
    publish(stream, { sourceType = 'rtspSession', hasKeyFrames = true } = {}) {
      const { paths } = running();
      const source = makeSource(sourceType);
      paths.publish(stream, source, hasKeyFrames);
      return {
        stream,
        id: source.id,
        stop: () => {
          paths.unpublish(stream, source.id);
        },
      };
    },
    pull: (stream) => running().paths.pull(stream),
    unpublish: (stream) => running().paths.unpublish(stream),
    read(stream, type) {
      const path = running().paths.get(stream);
      if (path?.availableSinceMs === undefined) throw new Error(`nobody publishes '${stream}' on '${name}'`);
      const reader = makeSource(type);
      path.readers.add(reader);
      path.revision++;
      return () => {
        if (path.readers.delete(reader)) path.revision++;
      };
    },
    streams: () =>
      (life?.paths.sorted() ?? []).filter((path) => path.availableSinceMs !== undefined).map((path) => path.name),
    sessions: () =>
      (life?.paths.sorted() ?? []).flatMap(({ muxer }) => (muxer && features.sessions ? allSessions(muxer) : [])),
    setFault: (side, fault) => listeners[side].setFault(fault),
    async clearFaults() {
      await Promise.all([listeners.api.setFault(undefined), listeners.hls.setFault(undefined)]);
    },
    kill,
    stop: kill,
    async restart() {
      await kill();
      await start();
    },
    starts: () => starts,
    counters: () => traffic.counters(),
    requests: () => traffic.requests(),
    resetTraffic: () => traffic.reset(),
    connections: (side) => listeners[side].connections(),
  };
}
