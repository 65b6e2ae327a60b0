import { type HlsSettingName, hlsRanges } from '../config';
import { type HlsChanges, type HlsValueName, hlsValueNames, msIn, usersName } from './hls-settings';

/** What a request wants to be changed. */
export interface WantedChanges {
  readonly changes: HlsChanges;
  /** What is wrong, a sentence each, without what was given. */
  readonly problems: readonly string[];
  /** What is no setting of HLS, as it was given. */
  readonly others: readonly (readonly [name: string, given: unknown])[];
}

type Given = Readonly<Record<string, unknown>>;

/** Names that are shown again, at most. */
const mostOthers = 20;
const nameOf: ReadonlyMap<string, HlsValueName> = new Map(hlsValueNames.map((name) => [usersName(name), name]));

/** Every setting is as configured. */
export const allReset: HlsChanges = Object.fromEntries(hlsValueNames.map((name) => [name, null]));

/** Reads what a request changes: from its body, or from its query where the body has nothing. */
export function readChanges(body: Given, query: Given): WantedChanges {
  const isBody = Object.keys(body).length > 0;
  const given = Object.entries(isBody ? body : query).filter(([key]) => key !== 'api_token');
  const others = given.filter(([key]) => !nameOf.has(key));
  const problems: string[] = [];
  const changes = new Map<HlsValueName, number | string | null>();
  for (const [key, value] of given) {
    const name = nameOf.get(key);
    if (name === undefined) continue;
    const read =
      isBody && value === null ? null : name === 'streamMode' ? readMode(value) : readNumber(name, value, isBody);
    if (read === undefined) problems.push(`${key} must be ${allowedFor(name)}.`);
    else changes.set(name, read);
  }
  if (given.length === 0) problems.push('Nothing is to be changed: name a setting in the body or in the query.');
  for (const [key] of others) if (key.startsWith('hls_')) problems.push(`${shownName(key)} is no setting.`);
  return {
    changes: Object.fromEntries(changes),
    problems: problems.slice(0, mostOthers),
    others: others
      .filter(([key]) => !key.startsWith('hls_'))
      .slice(0, mostOthers)
      .map(([key, value]) => [shownName(key), value]),
  };
}

/** What one of the settings may be, in words. */
export function allowedFor(name: HlsValueName): string {
  if (name === 'streamMode') return 'TS or HLS';
  const { unit, least, most } = hlsRanges[name];
  if (unit === 'segments') return `a whole number from ${least} to ${most}`;
  return unit === 's' ? `seconds from ${least} to ${most}` : `a number from ${least} to ${most}`;
}

function readMode(given: unknown): 'TS' | 'HLS' | undefined {
  const mode = typeof given === 'string' ? given.toUpperCase() : undefined;
  return mode === 'TS' || mode === 'HLS' ? mode : undefined;
}

/** In the unit in which the value is held. */
function readNumber(name: HlsSettingName, given: unknown, isJson: boolean): number | undefined {
  const isText = typeof given === 'string' && /^\d{1,9}(?:\.\d{1,9})?$/.test(given);
  const value = isJson ? given : isText ? Number(given) : undefined;
  const { unit, least, most } = hlsRanges[name];
  if (typeof value !== 'number' || !(value >= least && value <= most)) return undefined;
  if (unit === 'segments' && !Number.isInteger(value)) return undefined;
  return msIn(name) === 1 ? value : Math.round(value * msIn(name));
}

/** One line of a bounded length. */
function shownName(key: string): string {
  return key.replace(/[^\w.-]/g, '?').slice(0, 64);
}
