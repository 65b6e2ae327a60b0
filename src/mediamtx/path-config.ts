import { isRecord } from '../wire';

/**
 * What makes a configured path live:
 * - `reader`: somebody who wants to read it: an on-demand source, a command that publishes on demand, a filler that is always there;
 * - `itself`: a source that is not on demand; there, or not, whoever asks;
 * - `publisher`: somebody who comes and publishes;
 * - `nothing`: a redirect, which HLS does not follow.
 */
export type PathStart = 'reader' | 'itself' | 'publisher' | 'nothing';

/** An entry of `paths:`, the same for every MediaMTX era. */
export interface PathConfig {
  /** A path's name, a regular expression (RE2) behind a tilde, or `all_others` (`all` in older files). */
  readonly name: string;
  readonly start: PathStart;
}

/** Reads one item of `config/paths/list`; undefined when the value is none. Unknown fields are ignored, missing ones are as if they were empty. */
export function readPathConfig(item: unknown): PathConfig | undefined {
  if (!isRecord(item) || typeof item['name'] !== 'string' || item['name'] === '') return undefined;
  return { name: item['name'], start: startOf(item) };
}

function startOf(item: Record<string, unknown>): PathStart {
  const { source, sourceOnDemand, runOnDemand, alwaysAvailable } = item;
  if (alwaysAvailable === true) return 'reader';
  if (source === 'redirect') return 'nothing';
  if (typeof source === 'string' && source !== '' && source !== 'publisher') {
    return sourceOnDemand === true ? 'reader' : 'itself';
  }
  return typeof runOnDemand === 'string' && runOnDemand !== '' ? 'reader' : 'publisher';
}

/**
 * What a report of a path that is not live says of it. A source of its own (`rtspSource` and its like, on demand or not) is named whether
 * or not it runs; of one without a source it is not told whether it waits for a publisher or would run a command. `redirect` is no source.
 */
export function idleStart(sourceType: string | undefined): PathStart {
  if (sourceType === undefined) return 'publisher';
  if (sourceType === 'redirect') return 'nothing';
  return sourceType.endsWith('Source') ? 'reader' : 'publisher';
}
