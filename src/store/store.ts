/** A set of JSON documents by key: intents, moves, settings. Small: some thousand documents. */
export interface Collection<T> {
  get(key: string): Promise<T | undefined>;
  /** Durable when the promise resolves. */
  set(key: string, value: T): Promise<void>;
  delete(key: string): Promise<void>;
  /** Every document, by key in ascending order. */
  entries(): Promise<(readonly [key: string, value: T])[]>;
}

/** What must outlive a restart. */
export interface Store {
  /**
   * @param name letters, digits and `-`; e.g. `intents`.
   * @param read checks a kept document; undefined where it cannot be understood (it is then left out, with a line in the log).
   */
  collection<T>(name: string, read: (value: unknown) => T | undefined): Collection<T>;
  close(): Promise<void>;
}
