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

/** Records by ascending id: written at the young end, read from any place on, cut at the old end. May hold some hundred thousand. */
export interface Journal<T> {
  /** All or nothing, durable when the promise resolves. A record with the id of one that is there replaces it. */
  append(records: readonly (readonly [id: string, value: T])[]): Promise<void>;
  read(range: JournalRange): Promise<(readonly [id: string, value: T])[]>;
  /** Removes every record up to this id, itself included. */
  cut(throughId: string): Promise<void>;
  count(): Promise<number>;
}

/**
 * What must outlive a restart. Keys and ids are texts of 1 to 1024 characters, values are JSON of at most 1 MiB.
 * Every promise rejects with an Error when the store cannot be reached, is full or is closed; a TypeError tells of a key, name or value that is not allowed.
 */
export interface Store {
  /** False where it forgets with the process. */
  readonly isDurable: boolean;
  /**
   * @param name letters, digits and `-`, at most 64; e.g. `intents`.
   * @param read checks a kept document; undefined where it cannot be understood (it is then left out, with a line in the log).
   */
  collection<T>(name: string, read: (value: unknown) => T | undefined): Collection<T>;
  /** As `collection`; the two have names of their own, which do not meet. */
  journal<T>(name: string, read: (value: unknown) => T | undefined): Journal<T>;
  /** Finishes what is under way. Idempotent. */
  close(): Promise<void>;
}
