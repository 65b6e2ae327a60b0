import type { SimOnDemand, SimPathConfig } from './path-table';

const time = (ms: number | undefined): string => `${(ms ?? 10_000) / 1000}s`;

/**
 * The part of an item of `GET /v3/config/paths/list` that is about where a path's stream comes from, with the names, the order and the defaults of
 * MediaMTX, which tells some eighty more.
 */
export function pathConfigItem(config: SimPathConfig): Record<string, unknown> {
  const { name, onDemand, pulls, runOnDemand, alwaysAvailable = false, overridePublisher = true } = config;
  const times = (prefix: string, demand: SimOnDemand | undefined): Record<string, string> => ({
    [`${prefix}StartTimeout`]: time(demand?.startTimeoutMs),
    [`${prefix}CloseAfter`]: time(demand?.closeAfterMs),
  });
  return {
    name,
    source: onDemand === undefined && pulls === undefined ? 'publisher' : 'rtsp://192.0.2.1:8554/source',
    sourceFingerprint: '',
    sourceOnDemand: onDemand !== undefined,
    ...times('sourceOnDemand', onDemand),
    maxReaders: 0,
    alwaysAvailable,
    record: false,
    overridePublisher,
    sourceRedirect: '',
    runOnDemand: runOnDemand === undefined ? '' : 'ffmpeg -i source -f rtsp rtsp://localhost:$RTSP_PORT/$MTX_PATH',
    runOnDemandRestart: false,
    ...times('runOnDemand', runOnDemand),
  };
}
