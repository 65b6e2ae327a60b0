import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import {
  type HlsSettingName,
  hlsConflicts,
  hlsDurations,
  hlsRanges,
  hlsSettingNames,
  hlsUsersName,
  type Settings,
} from '../config';
import type { Logger } from '../log';
import { followCollection, readAs, type Store } from '../store';
import { errorText } from '../wire';

/** What HLS is set to. `bufferReadyTimeout` and `firstSegmentTimeout` in ms, `initialBufferSeconds` in seconds, as in `relay.hls`. */
export type HlsValues = Readonly<Settings['relay']['hls']> & Readonly<Pick<Settings['relay'], 'streamMode'>>;
export type HlsValueName = keyof HlsValues;

/** Values by name, in the units of `HlsValues`; null: as configured again. */
export type HlsChanges = { readonly [Name in HlsValueName]?: HlsValues[Name] | null | undefined };

/** What is in force, and where it comes from. */
export interface HlsState {
  readonly values: HlsValues;
  /** What file, environment and flags say. */
  readonly configured: HlsValues;
  /** What was changed over the API, and stays as it is whatever becomes configured. */
  readonly changed: readonly HlsValueName[];
  /** Another text after every change, and for every other configuration. */
  readonly tag: string;
  /** Whether changes outlive the relay. */
  readonly isDurable: boolean;
  /** Why it is not the last change that is in force; undefined: it is. */
  readonly failure: string | undefined;
}

export type HlsChangeResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** `wrong`: the values contradict each other. `unexpected`: others are in force. `contended`: others were first again and again. */
      readonly problem: 'wrong' | 'unexpected' | 'contended' | 'not-stored';
      readonly detail: string;
    };

export interface HlsSettings {
  /** To be read at each use: a change is in force at once. */
  current(): HlsValues;
  state(): HlsState;
  /**
   * Changes some values, all or none, which are stored before they are in force. Never rejects.
   * @param isExpected whether the change was made for the values of this tag; for any when left out.
   */
  change(changes: HlsChanges, isExpected?: (tag: string) => boolean): Promise<HlsChangeResult>;
  stop(): Promise<void>;
}

export interface HlsSettingsOptions {
  readonly store: Store;
  readonly configured: HlsValues;
  readonly log: Logger;
  /** How often a shared store is looked at for what other relays changed; 1,000 when left out. */
  readonly lookEveryMs?: number;
}

export const hlsValueNames: readonly HlsValueName[] = ['streamMode', ...hlsSettingNames];

/** As users know it: `hls_max_segments`, `stream_mode`. */
export function usersName(name: HlsValueName): string {
  return name === 'streamMode' ? 'stream_mode' : hlsUsersName(name);
}

/** As users give it: time-outs in seconds. */
export function usersValue(values: HlsValues, name: HlsValueName): number | string {
  return name === 'streamMode' ? values.streamMode : values[name] / msIn(name);
}

/** How many of the units in which a value is held are in one of its users' units. */
export function msIn(name: HlsSettingName): number {
  return hlsDurations.includes(name) ? 1000 : 1;
}

/** Versions that are kept: where the last one cannot be used, the one before it is. */
const keptVersions = 10;
/** Of relays that share a store, another one may be first again and again. */
const mostTries = 5;

const storedRange = (name: HlsSettingName) => {
  const { least, most } = hlsRanges[name];
  return z.optional(z.number().check(z.gte(least * msIn(name)), z.lte(most * msIn(name))));
};
const storedChanges = z.object({
  streamMode: z.optional(z.enum(['TS', 'HLS'])),
  maxSegments: storedRange('maxSegments'),
  initialSegments: storedRange('initialSegments'),
  windowSize: storedRange('windowSize'),
  bufferReadyTimeout: storedRange('bufferReadyTimeout'),
  firstSegmentTimeout: storedRange('firstSegmentTimeout'),
  initialBufferSeconds: storedRange('initialBufferSeconds'),
  maxInitialSegments: storedRange('maxInitialSegments'),
  segmentFetchInterval: storedRange('segmentFetchInterval'),
});
type Changed = z.output<typeof storedChanges>;
const readVersion = readAs(z.object({ changed: storedChanges }));

/** All that was changed over the API up to one change; undefined where it cannot be understood. */
interface Version {
  readonly changed: Changed | undefined;
}

/**
 * Opens the settings of HLS: those of the configuration, and above them what was changed over the API, which is in the store. Each change is a record of a journal:
 * it is there as a whole or not at all, and of two relays that share the store one is first.
 * @throws (rejects) Error when the store cannot be read.
 */
export async function openHlsSettings(options: HlsSettingsOptions): Promise<HlsSettings> {
  const { store, configured, log, lookEveryMs = 1000 } = options;
  const kept = store.journal<Version>('relay-hls', (stored) => readVersion(stored) ?? { changed: undefined });
  let version = 0;
  let changed: Changed = {};
  let values = configured;
  let failure: string | undefined;

  const readVersions = () => kept.read({ limit: keptVersions * 10 });

  function tag(): string {
    const text = JSON.stringify([version, values, configured]);
    return createHash('sha256').update(text).digest('hex').slice(0, 16);
  }

  function putInForce(number: number, next: Changed): void {
    version = number;
    changed = next;
    values = withChanges(configured, next);
  }

  /** Takes the last version that can be used. */
  function take(versions: readonly (readonly [id: string, version: Version])[]): void {
    const newest = versions.at(-1);
    const usable = versions.findLast(([, one]) => problemOf(one) === undefined);
    putInForce(newest === undefined ? 0 : Number(newest[0]), usable?.[1].changed ?? {});
    const before = failure;
    failure = undefined;
    if (newest !== undefined && newest !== usable) {
      const instead = usable === undefined ? 'what is configured' : 'the change before it';
      failure = `The last change of the settings of HLS ${problemOf(newest[1]) ?? ''}: ${instead} is in force.`;
      if (failure !== before) log.error({ inForce: values }, failure);
    }
  }

  function problemOf(one: Version): string | undefined {
    if (one.changed === undefined) return 'cannot be understood';
    const conflicts = conflictsOf(withChanges(configured, one.changed));
    return conflicts === '' ? undefined : `does not fit the configuration (${conflicts})`;
  }

  async function change(changes: HlsChanges, isExpected: (tag: string) => boolean): Promise<HlsChangeResult> {
    for (let tries = 0; tries < mostTries; tries++) {
      if (!isExpected(tag())) {
        const detail = 'Somebody else has changed the settings meanwhile: read them again.';
        return { ok: false, problem: 'unexpected', detail };
      }
      const next = mergeChanges(changed, changes);
      const conflicts = conflictsOf(withChanges(configured, next));
      if (conflicts !== '') return { ok: false, problem: 'wrong', detail: conflicts };
      if (failure === undefined && JSON.stringify(next) === JSON.stringify(mergeChanges(changed, {}))) {
        return { ok: true };
      }
      const newest = await kept.appendAbove([[idOf(version + 1), { changed: next }]]);
      if (newest === undefined) {
        failure = undefined;
        putInForce(version + 1, next);
        log.info({ changed }, 'settings of HLS were changed');
        await trim();
        return { ok: true };
      }
      take(await readVersions());
    }
    return { ok: false, problem: 'contended', detail: `Other relays were first ${mostTries} times: try again.` };
  }

  async function trim(): Promise<void> {
    if (version <= keptVersions) return;
    try {
      await kept.trim(idOf(version - keptVersions));
    } catch (error) {
      log.warn({ error: errorText(error) }, 'old settings of HLS stay in the store until the next change');
    }
  }

  const followed = await followCollection({
    collection: {
      async revision() {
        const [newest] = await kept.read({ limit: 1, newestFirst: true });
        return newest?.[0];
      },
      entries: readVersions,
    },
    take,
    lookEveryMs: store.isShared ? lookEveryMs : undefined,
    onFailure: (error) =>
      log.warn({ error: errorText(error) }, 'the settings of HLS cannot be read; will be tried again'),
  });

  return {
    current: () => values,
    state: () => ({
      values,
      configured,
      changed: hlsValueNames.filter((name) => changed[name] !== undefined),
      tag: tag(),
      isDurable: store.isDurable,
      failure,
    }),
    change: (changes, isExpected = () => true) =>
      followed.inTurn(async () => {
        try {
          return await change(changes, isExpected);
        } catch (error) {
          return { ok: false, problem: 'not-stored', detail: `the store fails: ${errorText(error)}` };
        }
      }),
    stop: () => followed.stop(),
  };
}

function idOf(version: number): string {
  return String(version).padStart(12, '0');
}

/** What is changed when this is changed too, in the order of the names. */
function mergeChanges(changed: Changed, changes: HlsChanges): Changed {
  const all = { ...changed, ...definedOf(changes) };
  return Object.fromEntries(
    hlsValueNames.flatMap((name) => (all[name] === null || all[name] === undefined ? [] : [[name, all[name]]])),
  );
}

function withChanges(values: HlsValues, changes: Changed): HlsValues {
  return { ...values, ...(definedOf(changes) as Partial<HlsValues>) };
}

function definedOf(changes: HlsChanges): HlsChanges {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}

/** Every contradiction, in one line; empty where there is none. */
function conflictsOf(values: HlsValues): string {
  return hlsConflicts(values)
    .map(([name, limit]) => `${shown(values, name)} is more than ${shown(values, limit)}`)
    .join('; ');
}

function shown(values: HlsValues, name: HlsValueName): string {
  return `${usersName(name)} (${usersValue(values, name)})`;
}
