/** A set of JSON documents by key: intents, moves, settings. Small: some thousand documents. */
export interface Collection<T> {
  get(key: string): Promise<T | undefined>;
  /** Durable when the promise resolves. */
  set(key: string, value: T): Promise<void>;
  delete(key: string): Promise<void>;
  /** Sets, or removes where the value is undefined; all or nothing, durable when the promise resolves. */
  write(changes: readonly (readonly [key: string, value: T | undefined])[]): Promise<void>;
  /** Every document, by key in ascending order (of UTF-8 bytes). */
  entries(): Promise<(readonly [key: string, value: T])[]>;
  /** Another text after every change, by whoever; undefined where the store is not shared. Cheap, so that others' changes can be looked for often. */
  revision(): Promise<string | undefined>;
}

/** A piece of a journal. */
export interface JournalRange {
  /** Only records above this id. */
  readonly after?: string | undefined;
  /** Only records below this id. */
  readonly before?: string | undefined;
  /** Records at most. */
  readonly limit: number;
  /** The newest first; default false. */
  readonly newestFirst?: boolean | undefined;
}

/** Records by ascending id: written at the young end, read from any place on, trimmed at the old end. May hold some hundred thousand. */
export interface Journal<T> {
  /** All or nothing, durable when the promise resolves. A record with the id of one that is there replaces it. */
  append(records: readonly (readonly [id: string, value: T])[]): Promise<void>;
  /**
   * The same where the first id is above all that are there, or there already with the same value (the answer to an earlier try was lost). Else nothing is written,
   * and the newest id is given: whoever reads from a place on misses nothing, even where several write.
   */
  appendAbove(records: readonly (readonly [id: string, value: T])[]): Promise<string | undefined>;
  read(range: JournalRange): Promise<(readonly [id: string, value: T])[]>;
  /** Removes every record up to this id, itself included. */
  trim(throughId: string): Promise<void>;
  count(): Promise<number>;
}

/**
 * What must outlive a restart. Keys and ids are texts of 1 to 1024 characters, values are JSON of at most 1 MiB.
 * Every promise rejects with an Error when the store cannot be reached, is full or is closed; a TypeError names a key, name or value that is not allowed.
 */
export interface Store {
  /** False where it forgets with the process. */
  readonly isDurable: boolean;
  /** Whether other processes use it at the same time. */
  readonly isShared: boolean;
  /** False while it cannot be reached, or stores nothing that is written. */
  readonly isUp: boolean;
  /** Why it is not up, in words for whoever may see the API: no path, no address. */
  readonly failure: string | undefined;
  /** What of it was damaged and is lost since it was opened, in such words too. It works nevertheless. */
  readonly damage: string | undefined;
  /**
   * @param name letters, digits and `-`, at most 64; e.g. `intents`.
   * @param read checks a stored document; undefined where it cannot be understood (it is then left out, with a line in the log).
   */
  collection<T>(name: string, read: (value: unknown) => T | undefined): Collection<T>;
  /** As `collection`; the two have names of their own, which do not meet. */
  journal<T>(name: string, read: (value: unknown) => T | undefined): Journal<T>;
  /**
   * The right to be the only one who does something, which is tried for from now on. Where the store is not shared it is held at once and for good.
   * @param name as of a collection.
   */
  lease(name: string): Lease;
  /**
   * A number of things, such as connections, that all who share the store use together.
   * @param name as of a collection.
   */
  quota(name: string): Quota;
  /** Finishes what is under way. Idempotent. */
  close(): Promise<void>;
}

/** At most one process has it; when that one vanishes or loses the store, another has it within seconds. */
export interface Lease {
  /** False as soon as another process could have it. */
  readonly isHeld: boolean;
  /** When another process was last known to have it, by `performance.now()`; -Infinity: never. */
  readonly elsewhereAtMs: number;
  /** Times that it was got or lost. */
  readonly changes: number;
  /**
   * The same store, but for its writes: they happen only while the lease is held, which is checked in the same step as they are made.
   * Else they reject with an error of which `isLeaseLost` is true. So a process that was suspended, and does not know yet that it lost it, changes nothing.
   */
  readonly store: Store;
  /** @returns how to end it. */
  onChange(listener: (isHeld: boolean) => void): () => void;
  /** Gives it up for good, so that another can have it at once. Idempotent. */
  release(): Promise<void>;
}

/** One process's part of a number that several share. */
export interface Quota {
  /**
   * Says what this process uses, and asks for what it wants. What it was given counts as its own for ten seconds: a claim is to be repeated in good time, and
   * one of 0 gives everything back. Claims of one process take effect in their order.
   */
  claim(claim: QuotaClaim): Promise<QuotaPart>;
}

export interface QuotaClaim {
  /** Counted in any case, as it is there already. */
  readonly used: number;
  /** At least what is used. */
  readonly wanted: number;
  /** Of all together. */
  readonly most: number;
}

export interface QuotaPart {
  /** What this process may use: at least what it does, and else no more than others leave. */
  readonly granted: number;
  /** What all others have together. */
  readonly elsewhere: number;
}
