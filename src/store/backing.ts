/** A text to write, or undefined to remove the key. */
export type Change = readonly [key: string, text: string | undefined];

/** A piece of a space, in the order of the keys' UTF-8 bytes. Both ends are left out. */
export interface KeyRange {
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  /** Default: all. */
  readonly limit?: number | undefined;
  readonly newestFirst?: boolean | undefined;
}

/** What a database must be able to do to carry a store: texts by key, in spaces that do not meet. */
export interface Backing {
  /** False where it forgets with the process. */
  readonly isDurable: boolean;
  get(space: string, key: string): Promise<string | undefined>;
  /** All or nothing, durable when the promise resolves. */
  write(space: string, changes: readonly Change[]): Promise<void>;
  range(space: string, range: KeyRange): Promise<(readonly [key: string, text: string])[]>;
  /** Removes every key up to this one, itself included. */
  cut(space: string, throughKey: string): Promise<void>;
  count(space: string): Promise<number>;
  close(): Promise<void>;
}
