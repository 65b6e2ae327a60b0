import type { Logger } from '../log';
import type { Backing, Change, Fence } from './backing';
import { createLease } from './lease';
import { createQuota } from './quota';
import type { Store } from './store';

const maxKeyLength = 1024;
const maxValueBytes = 1024 * 1024;
// Of documents that could not be understood: each is logged once, and the list of those has an end.
const maxLogged = 1000;

/** Makes a store of texts by key: JSON, checks of what goes in and of what comes out. */
export function storeOver(backing: Backing, log: Logger): Store {
  const logged = new Set<string>();
  let closed: Promise<void> | undefined;

  function decode<T>(space: string, key: string, text: string, read: (value: unknown) => T | undefined): T | undefined {
    let value: T | undefined;
    try {
      value = read(JSON.parse(text) as unknown);
    } catch {
      // No JSON, or nothing that `read` copes with: the same to whoever asked.
    }
    const id = `${space}/${key}`;
    if (value === undefined && !logged.has(id)) {
      if (logged.size < maxLogged) logged.add(id);
      log.warn({ document: id }, 'a document of the store cannot be understood and is left out');
    }
    return value;
  }

  function decodeAll<T>(
    space: string,
    texts: readonly (readonly [key: string, text: string])[],
    read: (value: unknown) => T | undefined,
  ): (readonly [key: string, value: T])[] {
    return texts.flatMap(([key, text]) => {
      const value = decode(space, key, text, read);
      return value === undefined ? [] : [[key, value] as const];
    });
  }

  /** Every call goes through here, so that a closed store says so in the same words whatever carries it. */
  async function using<R>(run: () => Promise<R>): Promise<R> {
    if (closed !== undefined) throw new Error('the store is closed');
    return run();
  }

  /** @param fence gives what its writes depend on. */
  function view(fence: (() => Fence) | undefined): Store {
    const change = async (space: string, changes: readonly Change[]): Promise<void> => {
      if (changes.length > 0) await backing.write(space, changes, { fence: fence?.() });
    };
    return {
      isDurable: backing.isDurable,
      isShared: backing.isShared,
      get isUp() {
        return backing.failure === undefined;
      },
      get failure() {
        return backing.failure;
      },
      damage: backing.damage,
      collection(name, read) {
        const space = spaceOf('collection', name);
        return {
          get: (key) =>
            using(async () => {
              const text = await backing.get(space, checkedKey(key));
              return text === undefined ? undefined : decode(space, key, text, read);
            }),
          set: (key, value) => using(() => change(space, [[checkedKey(key), encode(value)]])),
          delete: (key) => using(() => change(space, [[checkedKey(key), undefined]])),
          write: (changes) => using(() => change(space, changes.map(toChange))),
          entries: () => using(async () => decodeAll(space, await backing.range(space, {}), read)),
          revision: () => using(() => backing.revision(space)),
        };
      },
      journal(name, read) {
        const space = spaceOf('journal', name);
        return {
          append: (records) => using(() => change(space, records.map(toChange))),
          appendAbove: (records) =>
            using(async () =>
              records.length === 0
                ? undefined
                : backing.write(space, records.map(toChange), { isAbove: true, fence: fence?.() }),
            ),
          read: (range) => using(async () => decodeAll(space, await backing.range(space, range), read)),
          trim: (throughId) => using(() => backing.trim(space, checkedKey(throughId), fence?.())),
          count: () => using(() => backing.count(space)),
        };
      },
      lease: (name) => createLease(checkedName('lease', name), backing, view),
      quota(name) {
        const quota = createQuota(checkedName('quota', name), backing);
        return { claim: (claim) => using(() => quota.claim(claim)) };
      },
      close() {
        closed ??= backing.close();
        return closed;
      },
    };
  }
  return view(undefined);
}

function toChange([key, value]: readonly [key: string, value: unknown]): Change {
  return [checkedKey(key), value === undefined ? undefined : encode(value)];
}

function spaceOf(kind: 'collection' | 'journal', name: string): string {
  return `${kind}:${checkedName(kind, name)}`;
}

function checkedName(kind: string, name: string): string {
  if (/^[A-Za-z0-9-]{1,64}$/.test(name)) return name;
  throw new TypeError(`the name of a ${kind} is 1 to 64 letters, digits and -, not ${JSON.stringify(name)}`);
}

function checkedKey(key: string): string {
  // A lone surrogate has no UTF-8: two such keys would become one.
  if (key.length === 0 || key.length > maxKeyLength || /\p{Surrogate}/u.test(key)) {
    const given = JSON.stringify(key.slice(0, 40));
    throw new TypeError(`a key is a well-formed text of 1 to ${maxKeyLength} characters, not ${key.length}: ${given}`);
  }
  return key;
}

function encode(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`a value must be JSON, not ${typeof value}`);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxValueBytes) throw new TypeError(`a value has at most ${maxValueBytes} bytes of JSON, not ${bytes}`);
  return text;
}
