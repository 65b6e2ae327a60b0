import { randomUUID } from 'node:crypto';
import type { Clock } from './clock';
import { closeIdleSessions, closeMuxer, createMuxer, type Muxer } from './muxer';
import { streamNameError } from './stream-name';
import { contentReadyMs, type SimVariant } from './timeline';

/** Where a path that starts on demand takes its stream from. */
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
  /**
   * The path has a source of its own that runs all the time (`source: rtsp://…`): MediaMTX's source type, e.g. `rtspSource`. Nobody can
   * publish there; see `pull`.
   */
  readonly pulls?: string;
  /** `runOnDemand`: a command that publishes there when somebody wants to read; others may publish there as well. */
  readonly runOnDemand?: SimOnDemand;
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
  /** Whether the publisher sends key frames; without them no segment is ever complete. */
  hasKeyFrames: boolean;
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
  /** The command on demand publishes, and not somebody else. */
  isRun: boolean;
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
  /** Told of each start of a source or a command on demand. */
  readonly onStart?: (stream: string) => void;
}

/** Why a stream cannot be read. */
export type PathError =
  | { readonly kind: 'invalid name'; readonly message: string }
  | { readonly kind: 'not configured'; readonly message: string }
  | { readonly kind: 'no stream'; readonly message: string }
  | { readonly kind: 'timed out'; readonly message: string };

/** The paths of one server. */
export interface PathTable {
  /** Every entry, by name. */
  readonly configs: readonly SimPathConfig[];
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
  /** Milliseconds until a muxer that nobody asks for again is given up. */
  idleLeftMs(muxer: Muxer): number;
  /** Gives up a muxer that has been idle for so long; requests that still wait for it are told. */
  closeIdleMuxer(muxer: Muxer): void;
  /** A publisher comes. Throws an Error with MediaMTX's words when it may not. */
  publish(stream: string, source: SimSource, hasKeyFrames?: boolean): SimPath;
  /** The source of a path with `pulls` connects. Throws an Error when the path has none. */
  pull(stream: string): void;
  /** The publisher leaves (with an id: only if it is still that one), or the source of a path with `pulls` is lost. Tells whether anything changed. */
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

function hasOwnSource({ onDemand, pulls }: SimPathConfig): boolean {
  return onDemand !== undefined || pulls !== undefined;
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
      hasKeyFrames: true,
      availableSinceMs: undefined,
      onlineSinceMs: undefined,
      muxer: undefined,
      readers: new Set(),
      waiting: new Set(),
      startTimer: undefined,
      idleSinceMs: 0,
      isRun: false,
      revision: 0,
    };
    if (config.onDemand) path.source = { type: 'rtspSource', id: '' };
    if (config.pulls !== undefined) path.source = { type: config.pulls, id: '' };
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

  /** A path of its own name in the configuration stays; one that fell under a pattern goes. */
  function dropIfUnnamed(path: SimPath): void {
    if (path.config.name === path.name) return;
    paths.delete(path.name);
    sortedPaths = undefined;
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

  function idleLeftMs({ lastRequestMs }: Muxer): number {
    return options.alwaysRemux ? Infinity : lastRequestMs + options.muxerCloseAfterMs - clock();
  }

  /** Does late what MediaMTX does with timers. */
  function expire(path: SimPath): void {
    const { muxer } = path;
    const now = clock();
    if (muxer) {
      if (closeIdleSessions(muxer, now, options.sessionIdleMs) > 0) path.revision++;
      if (idleLeftMs(muxer) <= 0) dropMuxer(path);
    }
    const onDemand = path.config.onDemand ?? (path.isRun ? path.config.runOnDemand : undefined);
    if (onDemand && path.availableSinceMs !== undefined && !path.muxer) {
      if (now - path.idleSinceMs < (onDemand.closeAfterMs ?? DEFAULT_CLOSE_AFTER_MS)) return;
      setUnavailable(path);
      if (path.isRun) endRun(path);
    }
  }

  function endRun(path: SimPath): void {
    path.isRun = false;
    path.source = undefined;
    path.revision++;
    dropIfUnnamed(path);
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
    options.onStart?.(path.name);
    const comesUp = startDelayMs !== 'never' && startDelayMs <= startTimeoutMs;
    path.startTimer = setTimeout(
      () => {
        if (comesUp) {
          path.idleSinceMs = clock();
          path.isRun = path.config.onDemand === undefined;
          if (path.isRun) path.source = makeSource('rtspSession');
          setAvailable(path);
        } else if (path.config.onDemand === undefined) dropIfUnnamed(path);
        tellWaiting(path, comesUp);
      },
      comesUp ? startDelayMs : startTimeoutMs,
    );
  }

  function muxerOf(path: SimPath): Muxer {
    if (!path.muxer) {
      const now = clock();
      const originMs = path.hasKeyFrames ? now + options.firstSegmentDelayMs - contentReadyMs(variant) : Infinity;
      path.muxer = createMuxer(path.name, variant, now, originMs);
      path.revision++;
    }
    return path.muxer;
  }

  function get(stream: string): SimPath | undefined {
    const path = paths.get(stream);
    if (path) expire(path);
    return paths.get(stream);
  }

  return {
    configs: options.configs.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    configOf,
    get,
    muxerOf,
    sorted() {
      const before = (sortedPaths ??= [...paths.values()].sort((a, b) => (a.name < b.name ? -1 : 1)));
      for (const path of before) if (path.muxer || path.config.onDemand || path.isRun) expire(path);
      // Some may have gone.
      sortedPaths ??= before.filter(({ name }) => paths.has(name));
      return sortedPaths;
    },
    read(stream, callback) {
      const config = configOf(stream);
      let path = isPathError(config) ? undefined : get(stream);
      if (isPathError(config)) {
        callback(config);
        return undefined;
      }
      const onDemand = config.onDemand ?? config.runOnDemand;
      if (path?.availableSinceMs !== undefined) callback(path);
      else if (onDemand) {
        // One that falls under a pattern begins to exist when somebody wants to read it.
        const wanted = (path ??= add(stream, config));
        const tell = (isRunning: boolean) =>
          callback(isRunning ? wanted : { kind: 'timed out', message: `source of path '${stream}' has timed out` });
        wanted.waiting.add(tell);
        startOnDemand(wanted, onDemand);
        return () => void wanted.waiting.delete(tell);
      } else callback({ kind: 'no stream', message: `no stream is available on path '${stream}'` });
      return undefined;
    },
    idleLeftMs,
    closeIdleMuxer(muxer) {
      const path = paths.get(muxer.stream);
      if (path?.muxer === muxer && idleLeftMs(muxer) <= 0) dropMuxer(path);
    },
    publish(stream, source, hasKeyFrames = true) {
      const config = configOf(stream);
      if (isPathError(config)) throw new Error(config.message);
      if (hasOwnSource(config)) throw new Error(`can't publish to path '${stream}' since 'source' is not 'publisher'`);
      const path = paths.get(stream) ?? add(stream, config);
      if (path.source) {
        if (config.overridePublisher === false) {
          throw new Error(`someone is already publishing to path '${stream}'`);
        }
        setUnavailable(path);
      }
      path.source = source;
      path.hasKeyFrames = hasKeyFrames;
      path.isRun = false;
      setAvailable(path);
      if (path.startTimer) {
        clearTimeout(path.startTimer);
        path.idleSinceMs = clock();
        tellWaiting(path, true);
      }
      if (options.alwaysRemux) muxerOf(path);
      return path;
    },
    pull(stream) {
      const path = paths.get(stream);
      if (path?.config.pulls === undefined) throw new Error(`path '${stream}' has no source of its own`);
      setAvailable(path);
      if (options.alwaysRemux) muxerOf(path);
    },
    unpublish(stream, sourceId) {
      const path = paths.get(stream);
      if (path?.config.pulls !== undefined && path.onlineSinceMs !== undefined) {
        setUnavailable(path);
        return true;
      }
      if (!path?.source || hasOwnSource(path.config)) return false;
      if (sourceId !== undefined && path.source.id !== sourceId) return false;
      path.source = undefined;
      path.hasKeyFrames = true;
      path.isRun = false;
      setUnavailable(path);
      dropIfUnnamed(path);
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
