import type { Directory } from '../directory';
import {
  addMap,
  delMap,
  type MapInfo,
  type RuntimeClient,
  type RuntimeError,
  type RuntimeResult,
  readMap,
  replaceMap,
  setMap,
  showMap,
  showMaps,
} from '../runtime';
import { isPushable, isReplacementCheaper, type PushPlan, type Route } from './push-plan';

/** What was done to a map since the start. */
export interface RoutesMapStats {
  /** Entries sent, by what was done to them; those of a whole map count as what changed. */
  added: number;
  changed: number;
  removed: number;
  /** Times that the whole map was replaced at once. */
  replacements: number;
  /** Times that the whole map was read back. */
  reads: number;
}

/** The routes.map of one HAProxy as far as it is known, and the commands that read and change it. One of these is to be under way at a time. */
export interface RoutesMap {
  /** Its name as HAProxy lists it. */
  readonly file: string;
  /** Without foreign keys: those that are no stream names are none of ours. */
  readonly entries: ReadonlyMap<string, string>;
  /** Entries of the plan that is carried out now. */
  readonly sending: number;
  /** Reads every entry; `replaced` when another agent replaced the map meanwhile, so that it must be read again. */
  read(): Promise<RuntimeResult<'read' | 'replaced'>>;
  /** Carries a plan out, entry by entry or (with `isFill`, or where that is cheaper) as a whole, so that lookups never meet an empty map. */
  apply(plan: PushPlan, isFill?: boolean): Promise<RuntimeError | undefined>;
  /** Whether HAProxy has as many entries as it had; `fewer`: some of those that are known are missing. */
  count(): Promise<RuntimeResult<'right' | 'fewer' | 'other'>>;
  /** Whether HAProxy has every entry as it is known. Nothing is held of what is read: a list of 100,000 would be a burden for the sake of none that differs. */
  compare(): Promise<RuntimeResult<boolean>>;
}

export function createRoutesMap(options: {
  readonly client: RuntimeClient;
  /** As haproxy.cfg names it; `routes.map` also finds `/etc/haproxy/routes.map`. */
  readonly map: string;
  readonly directory: Pick<Directory, 'routes'>;
  readonly signal: AbortSignal;
  readonly stats: RoutesMapStats;
}): RoutesMap {
  const { client, map, directory, signal, stats } = options;
  let file = map;
  let entries = new Map<string, string>();
  /** Entries of HAProxy's count that are not in `entries`: foreign ones, the second of two of the same key. */
  let surplus = 0;
  let sending = 0;

  async function find(): Promise<RuntimeResult<MapInfo>> {
    const maps = await showMaps(client, { signal });
    if (!maps.ok) return maps;
    const found = maps.value.find((one) => one.file === map) ?? maps.value.find((one) => one.file.endsWith(`/${map}`));
    if (found !== undefined) return { ok: true, value: found };
    const message = `HAProxy at ${client.name} has no map ${map}: its haproxy.cfg names ${maps.value.length === 0 ? 'none' : 'others'} (haproxy.map: off says that this is meant)`;
    return { ok: false, error: { reason: 'not-found', message } };
  }

  /** The strings are the directory's own where it has them: parts of a reply would hold all of it in memory. */
  function ownEntries(listed: readonly Route[]): Map<string, string> {
    const found = new Map<string, string>();
    // The first of two is the one that lookups find.
    for (const [stream, server] of listed) {
      if (isPushable(stream, server) && !found.has(stream)) found.set(stream, server);
    }
    const names = new Map<string, string>();
    const ownName = (server: string): string => {
      const own = names.get(server) ?? ownText(server);
      names.set(server, own);
      return own;
    };
    const own = new Map<string, string>();
    for (const [stream] of directory.routes()) {
      const server = found.get(stream);
      if (server === undefined) continue;
      own.set(stream, ownName(server));
      found.delete(stream);
    }
    for (const [stream, server] of found) own.set(ownText(stream), ownName(server));
    return own;
  }

  async function sendEach(plan: PushPlan): Promise<RuntimeError | undefined> {
    // A wrong entry costs a viewer a detour, a missing one only a question.
    const missing: Route[] = [];
    for (const route of plan.change) {
      const [stream, server] = route;
      const changed = await setMap(client, file, stream, server, { signal });
      if (changed.ok) {
        entries.set(stream, server);
        stats.changed++;
      } else if (changed.error.reason === 'not-found') missing.push(route);
      else return changed.error;
    }
    const additions = missing.length === 0 ? plan.add : [...plan.add, ...missing];
    if (additions.length > 0) {
      const added = await addMap(client, file, additions, { signal });
      if (!added.ok) return added.error;
      for (const [stream, server] of additions) entries.set(stream, server);
      stats.added += additions.length;
    }
    for (const stream of plan.remove) {
      const removed = await delMap(client, file, stream, { signal });
      // What is gone already is as it should be.
      if (!removed.ok && removed.error.reason !== 'not-found') return removed.error;
      entries.delete(stream);
      stats.removed++;
    }
    return undefined;
  }

  async function replaceAll({ add, change, remove }: PushPlan): Promise<RuntimeError | undefined> {
    const next = new Map(entries);
    for (const stream of remove) next.delete(stream);
    for (const [stream, server] of [add, change].flat()) next.set(stream, server);
    const replaced = await replaceMap(client, file, next, { signal });
    if (!replaced.ok) return replaced.error;
    entries = next;
    surplus = 0;
    stats.replacements++;
    stats.added += add.length;
    stats.changed += change.length;
    stats.removed += remove.length;
    return undefined;
  }

  return {
    get file() {
      return file;
    },
    get entries() {
      return entries;
    },
    get sending() {
      return sending;
    },
    async read() {
      const found = await find();
      if (!found.ok) return found;
      const { entryCount, currentVersion } = found.value;
      file = found.value.file;
      const listed = entryCount === 0 ? undefined : await showMap(client, file, { signal });
      if (listed?.ok === false) return listed;
      if (listed !== undefined && listed.value.length < entryCount) {
        // Another agent may have replaced the map while it was printed: then the list is short.
        const again = await showMaps(client, { signal });
        if (!again.ok) return again;
        if (again.value.find((one) => one.file === file)?.currentVersion !== currentVersion)
          return { ok: true, value: 'replaced' };
      }
      stats.reads++;
      entries = ownEntries(listed?.value ?? []);
      surplus = entryCount - entries.size;
      return { ok: true, value: 'read' };
    },
    async apply(plan, isFill = false) {
      sending = plan.add.length + plan.change.length + plan.remove.length;
      const isWhole = isFill || isReplacementCheaper(plan, entries.size + plan.add.length);
      const error = await (isWhole ? replaceAll(plan) : sendEach(plan));
      sending = 0;
      return error;
    },
    async count() {
      const found = await find();
      if (!found.ok) return found;
      const { entryCount } = found.value;
      if (entryCount < entries.size) return { ok: true, value: 'fewer' };
      return { ok: true, value: entryCount === entries.size + surplus ? 'right' : 'other' };
    },
    async compare() {
      let right = 0;
      const count = (stream: string, server: string): void => {
        if (entries.get(stream) === server) right++;
      };
      const read = await readMap(client, file, count, { signal });
      // Of what is there twice both may be right.
      return read.ok ? { ok: true, value: right >= entries.size } : read;
    },
  };
}

function ownText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
