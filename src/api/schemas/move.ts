import * as z from 'zod/mini';
import { list, record, text, time } from './kinds';

export const Move = record({ stream: text, server: text }, { reason: text, operator: text, since: time });
export type Move = z.infer<typeof Move>;

export const MoveList = record({ moves: list(Move) }, {});
export type MoveList = z.infer<typeof MoveList>;

export const StreamMove = record(
  { stream: text },
  { move: z.nullable(Move) },
  'The move in force; null when there is none.',
);
export type StreamMove = z.infer<typeof StreamMove>;
