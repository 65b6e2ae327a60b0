import { randomUUID } from 'node:crypto';
import type { Clock } from './clock';
import { closeIdleSessions, closeMuxer, createMuxer, type Muxer } from './muxer';
import { streamNameError } from './stream-name';
import { contentReadyMs, type SimVariant } from './timeline';

/** Where an on-demand path takes its stream from. */
export interface SimOnDemand {
  /** How long the source takes to start, in milliseconds; 'never' for one that cannot be reached. */
  readonly startDelayMs: number | 'never';
  /** `sourceOnDemandStartTimeout`: how long readers wait for it. Default 10,000. */
  readonly startTimeoutMs?: number;
  /** `sourceOnDemandCloseAfter`: how long it runs on without readers. Default 10,000. */
  readonly closeAfterMs?: number;
}

/** An entry of `paths:`. */
export interface SimPathConfig {
  /** A stream's name, a regular expression behind a tilde (`~^live/`), or `all_others`. */
  readonly name: string;
  /** The path has an on-demand RTSP source; nobody can publish there. */
  readonly onDemand?: SimOnDemand;
  /** `alwaysAvailable`: the stream is there, and plays, even when nobody publishes. */
  readonly alwaysAvailable?: boolean;
  /** `overridePublisher`: a second publisher replaces the first one. Default true, as in MediaMTX. */
  readonly overridePublisher?: boolean;
}

/** Who publishes: one of MediaMTX's source types, e.g. `rtspSession`, `rtmpConn`, `srtConn`, `webRTCSession`. */
export interface SimSource {
  readonly type: string;
  readonly id: string;
}

/** Who reads by another way than HLS: one of MediaMTX's reader types, e.g. `rtspSession`, `rtmpConn`, `srtConn`, `webRTCSession`. */
export type SimReader = SimSource;

/** One stream that the server knows. */
export interface SimPath {
  readonly name: string;
  readonly config: SimPathConfig;
  source: SimSource | undefined;
  /** Set while there is something to read. */
  availableSinceMs: number | undefined;
  /** Set while the publisher, or the on-demand source, is connected. */
  onlineSinceMs: number | undefined;
  muxer: Muxer | undefined;
  /** Who reads it by other ways than HLS. */
  readonly readers: Set<SimReader>;
  /** Readers that wait for the on-demand source. */
  readonly waiting: Set<(isRunning: boolean) => void>;
  startTimer: NodeJS.Timeout | undefined;
  /** When the last reader of the on-demand source left. */
  idleSinceMs: number;
  /** Counts what changes the path's item in the Control API. */
  revision: number;
}

/** Limits and rhythms of a path table. */
export interface PathTableOptions {
  readonly configs: readonly SimPathConfig[];
  readonly variant: SimVariant;
  readonly clock: Clock;
  /** From a muxer's start until it has content to serve, in milliseconds. */
  readonly firstSegmentDelayMs: number;
  /** `hlsAlwaysRemux`: muxers start with their publisher. */
  readonly alwaysRemux: boolean;
  readonly sessionIdleMs: number;
  readonly muxerCloseAfterMs: number;
}

/** Why a stream cannot be read. */
export type PathError =
  | { readonly kind: 'invalid name'; readonly message: string }
  | { readonly kind: 'not configured'; readonly message: string }
  | { readonly kind: 'no stream'; readonly message: string }
  | { readonly kind: 'timed out'; readonly message: string };

/** The paths of one server. */
export interface PathTable {
  /** The configuration that a name falls under. */
  configOf(stream: string): SimPathConfig | PathError;
  /** A path that exists, with everything that has expired removed; undefined otherwise. */
  get(stream: string): SimPath | undefined;
  /** All paths by name. Treat as read-only; changes when `names` are asked for again. */
  sorted(): readonly SimPath[];
  /**
   * Calls back once when the stream can be read, or why it cannot: at once, unless an on-demand source has to start.
   * In that case it returns a way to give up.
   */
  read(stream: string, callback: (path: SimPath | PathError) => void): (() => void) | undefined;
  /** The muxer of a path that is available; started if need be. */
  muxerOf(path: SimPath): Muxer;
  /** A publisher comes. Throws an Error with MediaMTX's words when it may not. */
  publish(stream: string, source: SimSource): SimPath;
  /** The publisher leaves (with an id: only if it is still that one). Tells whether anything changed. */
  unpublish(stream: string, sourceId?: string): boolean;
  /** Everything goes: sessions, waiting requests, timers. */
  close(): void;
}

const DEFAULT_START_TIMEOUT_MS = 10_000;
const DEFAULT_CLOSE_AFTER_MS = 10_000;

/** Whether the result of a lookup is an error. */
export function isPathError(value: object): value is PathError {
  return 'message' in value;
}

interface CompiledConfig {
  readonly config: SimPathConfig;
  readonly pattern: RegExp | undefined;
}

/** MediaMTX's name for what no other entry covers. */
const ALL_OTHERS = 'all_others';

function compile(config: SimPathConfig): CompiledConfig {
  if (config.name === ALL_OTHERS) return { config, pattern: /^.*$/ };
  if (config.name.startsWith('~')) return { config, pattern: new RegExp(config.name.slice(1)) };
  const problem = streamNameError(config.name);
  if (problem !== undefined) throw new Error(`invalid path name '${config.name}': ${problem}`);
  return { config, pattern: undefined };
}

/** A table with the configured paths in it. Throws when a configured name is neither a valid name nor a regular expression. */
export function createPathTable(options: PathTableOptions): PathTable {
  const { clock, variant } = options;
  const configs = options.configs.map(compile);
  const paths = new Map<string, SimPath>();
  let sortedPaths: SimPath[] | undefined;

  function add(name: string, config: SimPathConfig): SimPath {
    const path: SimPath = {
      name,
      config,
      source: undefined,
      availableSinceMs: undefined,
      onlineSinceMs: undefined,
      muxer: undefined,
      readers: new Set(),
      waiting: new Set(),
      startTimer: undefined,
      idleSinceMs: 0,
      revision: 0,
    };
    if (config.onDemand) path.source = { type: 'rtspSource', id: '' };
    if (config.alwaysAvailable) path.availableSinceMs = clock();
    paths.set(name, path);
    sortedPaths = undefined;
    return path;
  }

  for (const { config, pattern } of configs) if (!pattern) add(config.name, config);

  function configOf(stream: string): SimPathConfig | PathError {
    const problem = streamNameError(stream);
    if (problem !== undefined) {
      return { kind: 'invalid name', message: `invalid path name: ${problem} (${stream})` };
    }
    const found =
      configs.find(({ config, pattern }) => !pattern && config.name === stream) ??
      configs.find(({ config, pattern }) => config.name !== ALL_OTHERS && pattern?.test(stream)) ??
      configs.find(({ config }) => config.name === ALL_OTHERS);
    return found?.config ?? { kind: 'not configured', message: `path '${stream}' is not configured` };
  }

  function dropMuxer(path: SimPath): void {
    if (!path.muxer) return;
    path.idleSinceMs = path.muxer.lastRequestMs + options.muxerCloseAfterMs;
    closeMuxer(path.muxer);
    path.muxer = undefined;
    path.revision++;
  }

  function setUnavailable(path: SimPath): void {
    path.onlineSinceMs = undefined;
    path.revision++;
    if (path.config.alwaysAvailable) return;
    path.availableSinceMs = undefined;
    path.readers.clear();
    dropMuxer(path);
  }

  function setAvailable(path: SimPath): void {
    const now = clock();
    path.availableSinceMs ??= now;
    path.onlineSinceMs = clock();
    path.revision++;
  }

  /** Does late what MediaMTX does with timers. */
  function expire(path: SimPath): void {
    const { muxer } = path;
    const now = clock();
    if (muxer) {
      if (closeIdleSessions(muxer, now, options.sessionIdleMs) > 0) path.revision++;
      const isIdle = now - muxer.lastRequestMs >= options.muxerCloseAfterMs;
      if (isIdle && muxer.onClose.size === 0 && !options.alwaysRemux) dropMuxer(path);
    }
    const { onDemand } = path.config;
    if (onDemand && path.availableSinceMs !== undefined && !path.muxer) {
      if (now - path.idleSinceMs >= (onDemand.closeAfterMs ?? DEFAULT_CLOSE_AFTER_MS)) setUnavailable(path);
    }
  }

  function tellWaiting(path: SimPath, isRunning: boolean): void {
    path.startTimer = undefined;
    const waiting = [...path.waiting];
    path.waiting.clear();
    for (const tell of waiting) tell(isRunning);
  }

  function startOnDemand(
    path: SimPath,
    { startDelayMs, startTimeoutMs = DEFAULT_START_TIMEOUT_MS }: SimOnDemand,
  ): void {
    if (path.startTimer) return;
    const comesUp = startDelayMs !== 'never' && startDelayMs <= startTimeoutMs;
    path.startTimer = setTimeout(
      () => {
        if (comesUp) {
          path.idleSinceMs = clock();
          setAvailable(path);
        }
        tellWaiting(path, comesUp);
      },
      comesUp ? startDelayMs : startTimeoutMs,
    );
  }

  function muxerOf(path: SimPath): Muxer {
    if (!path.muxer) {
      const now = clock();
      const originMs = now + options.firstSegmentDelayMs - contentReadyMs(variant);
      path.muxer = createMuxer(path.name, variant, now, originMs);
      path.revision++;
    }
    return path.muxer;
  }

  function get(stream: string): SimPath | undefined {
    const path = paths.get(stream);
    if (path) expire(path);
    return path;
  }

  return {
    configOf,
    get,
    muxerOf,
    sorted() {
      sortedPaths ??= [...paths.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
      for (const path of sortedPaths) if (path.muxer || path.config.onDemand) expire(path);
      return sortedPaths;
    },
    read(stream, callback) {
      const config = configOf(stream);
      const path = isPathError(config) ? undefined : get(stream);
      if (isPathError(config)) callback(config);
      else if (path?.availableSinceMs !== undefined) callback(path);
      else if (path && config.onDemand) {
        const tell = (isRunning: boolean) =>
          callback(isRunning ? path : { kind: 'timed out', message: `source of path '${stream}' has timed out` });
        path.waiting.add(tell);
        startOnDemand(path, config.onDemand);
        return () => void path.waiting.delete(tell);
      } else callback({ kind: 'no stream', message: `no stream is available on path '${stream}'` });
      return undefined;
    },
    publish(stream, source) {
      const config = configOf(stream);
      if (isPathError(config)) throw new Error(config.message);
      if (config.onDemand) throw new Error(`can't publish to path '${stream}' since 'source' is not 'publisher'`);
      const path = paths.get(stream) ?? add(stream, config);
      if (path.source) {
        if (config.overridePublisher === false) {
          throw new Error(`someone is already publishing to path '${stream}'`);
        }
        setUnavailable(path);
      }
      path.source = source;
      setAvailable(path);
      if (options.alwaysRemux) muxerOf(path);
      return path;
    },
    unpublish(stream, sourceId) {
      const path = paths.get(stream);
      if (!path?.source || path.config.onDemand) return false;
      if (sourceId !== undefined && path.source.id !== sourceId) return false;
      path.source = undefined;
      setUnavailable(path);
      // A path of its own name in the configuration stays; one that fell under a pattern goes.
      if (path.config.name !== stream) {
        paths.delete(stream);
        sortedPaths = undefined;
      }
      return true;
    },
    close() {
      for (const path of paths.values()) {
        clearTimeout(path.startTimer);
        path.startTimer = undefined;
        path.waiting.clear();
        if (path.muxer) closeMuxer(path.muxer);
      }
      paths.clear();
      sortedPaths = undefined;
    },
  };
}

/** A publisher's identity of the given type. MediaMTX gives each connection a random UUID. */
export function makeSource(type: string): SimSource {
  return { type, id: randomUUID() };
}
