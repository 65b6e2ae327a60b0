import type { QuotaClaim, QuotaPart } from './store';

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
  /** Whether other processes use it at the same time. */
  readonly isShared: boolean;
  /** Why nothing is stored, when that was last tried; undefined while all is well. Shown to everybody: no path, no address. */
  readonly failure: string | undefined;
  /** What was lost of it when it was opened, in the same words. */
  readonly damage?: string | undefined;
  get(space: string, key: string): Promise<string | undefined>;
  /** All or nothing, durable when the promise resolves. @returns the newest key, where nothing was written because of `isAbove`; else undefined. */
  write(space: string, changes: readonly Change[], condition?: WriteCondition): Promise<string | undefined>;
  range(space: string, range: KeyRange): Promise<(readonly [key: string, text: string])[]>;
  /** Removes every key up to this one, itself included. */
  trim(space: string, throughKey: string, fence?: Fence): Promise<void>;
  count(space: string): Promise<number>;
  /** Another one after every write to the space; undefined where that is not counted. */
  revision(space: string): Promise<string | undefined>;
  /** A backing that is not shared has none. */
  readonly leases?: Leases | undefined;
  /** A backing that is not shared has none. */
  readonly quotas?: Quotas | undefined;
  close(): Promise<void>;
}

/** A lease and the word by which its holder is known. */
export interface Fence {
  readonly lease: string;
  readonly token: string;
}

export interface WriteCondition {
  /** Only if the first key is above all in the space, or is there already with the same text. */
  readonly isAbove?: boolean | undefined;
  /** Only while this lease is held; else it rejects. */
  readonly fence?: Fence | undefined;
}

export interface Leases {
  /** Takes or renews a lease for so long from now; false when somebody else has it. */
  acquire(fence: Fence, forMs: number): Promise<boolean>;
  /** Gives it up, if it is held. */
  release(fence: Fence): Promise<void>;
}

/** Numbers of which several processes hold a part each. */
export interface Quotas {
  /** Sets the part of a holder in one step, and has it for so long from now. A claim of a lower turn than the holder's last one rejects. */
  claim(claim: HeldClaim, forMs: number): Promise<QuotaPart>;
}

export interface HeldClaim extends QuotaClaim {
  readonly quota: string;
  /** Who claims. */
  readonly holder: string;
  /** Another one, above the one before, for every claim of a holder. */
  readonly turn: number;
}
