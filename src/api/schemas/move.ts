import * as z from 'zod/mini';
import { list, record, text, time } from './kinds';

export const Move = record({ stream: text, server: text }, { reason: text, operator: text, since: time });
export const MoveList = record({ moves: list(Move) }, {});
export const StreamMove = record(
  { stream: text },
  { move: z.nullable(Move) },
  'The move in force; null when there is none.',
);
