import * as z from 'zod/mini';
import { readAs, storedTime } from '../store';
import type { Move } from './views';

/** A move as it is stored. */
export interface StoredMove extends Move {
  /** Its server had the stream when it was moved; one that was forced may wait for it for ever. */
  readonly wasHeld: boolean;
}

/** Reads a move from the store; undefined where it is none. */
export const readMove = readAs<StoredMove>(
  z.object({
    stream: z.string(),
    server: z.string(),
    reason: z.string(),
    operator: z.string(),
    since: storedTime,
    wasHeld: z.catch(z.boolean(), false),
  }),
);
