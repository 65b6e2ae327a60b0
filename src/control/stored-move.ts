import { isRecord } from '../wire';
import type { Move } from './views';

/** A move as it is stored. */
export interface StoredMove extends Move {
  /** Its server had the stream when it was moved; one that was forced may wait for it for ever. */
  readonly wasHeld: boolean;
}

/** Reads a move from the store; undefined where it is none. */
export function readMove(value: unknown): StoredMove | undefined {
  if (!isRecord(value)) return undefined;
  const { stream, server, reason, operator, since, wasHeld } = value;
  if (typeof stream !== 'string' || typeof server !== 'string' || typeof reason !== 'string') return undefined;
  if (typeof operator !== 'string' || typeof since !== 'string' || !Number.isFinite(Date.parse(since)))
    return undefined;
  return { stream, server, reason, operator, since, wasHeld: wasHeld === true };
}
