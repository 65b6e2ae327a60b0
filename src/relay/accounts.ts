/** The right to hold one connection to an account. */
export interface Slot {
  /** Undefined for a URL that belongs to no account: such slots are without number. */
  readonly account: string | undefined;
  /** Gives it back, at the moment when the connection is closed. Idempotent. */
  release(): void;
}

export interface SlotRequest {
  readonly url: string;
  /** Who reads, at this moment: a new channel of the same client takes over the slot of its old one. */
  readonly client: string;
  /** Called when the same client takes the slot over; closes the connection before it returns. */
  readonly onTakenOver: () => void;
}

/** The logins at providers, and how many connections each has open, live, VOD and HLS together. */
export interface Accounts {
  /** The account that a URL belongs to. */
  nameOf(url: string): string | undefined;
  /** A slot; undefined when all are in use. It takes time, a second at most, only where other relays have to leave it. Never rejects. */
  take(request: SlotRequest): Slot | undefined | Promise<Slot | undefined>;
  /** A slot as soon as one is free, first come, first served; undefined when none was within this time or the signal was aborted. */
  wait(request: SlotRequest, waitMs: number, signal: AbortSignal): Promise<Slot | undefined>;
  /** Every account. */
  list(): readonly AccountView[];
}

export interface AccountView {
  readonly name: string;
  readonly maxConnections: number;
  /** By this relay. */
  readonly inUse: number;
  /** By other relays, as far as is known; 0 where they are not counted together. */
  readonly inUseElsewhere: number;
  /** Whether other relays are to be counted too, and cannot be: this one goes by its own count. */
  readonly isAlone: boolean;
  readonly waiting: number;
}
