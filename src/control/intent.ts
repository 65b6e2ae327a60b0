import * as z from 'zod/mini';
import { readAs, storedTime } from '../store';
import { hasAtMost } from '../wire';
import { type Intent, type IntentKind, intentKinds } from './views';

/** Bounds of what an operator may write. */
export const longestReason = 200;
export const longestOperator = 64;
export const shortestDeadlineMs = 1000;
export const longestDeadlineMs = 7 * 24 * 3_600_000;

/** Whether it is one line of at most so many characters, which may be blank. */
export function isOneLine(text: string, most: number): boolean {
  return hasAtMost(text, most) && !/[\p{Cc}\u2028\u2029]/u.test(text);
}

/** Whether it is one line of at most so many characters that says something. */
export function isLine(text: string, most: number): boolean {
  return text.trim() !== '' && isOneLine(text, most);
}

/** What the intent asks for at this time: a drain turns to maint at its deadline. */
export function kindInForce(intent: Intent, nowMs: number): IntentKind {
  const isOver = intent.deadline !== undefined && Date.parse(intent.deadline) <= nowMs;
  return intent.kind === 'drain' && isOver ? 'maint' : intent.kind;
}

/** Tells one intent from another, and a drain from the maint that it became. */
export function intentId(intent: Intent, nowMs: number): string {
  return `${intent.since} ${kindInForce(intent, nowMs)}`;
}

/** Reads an intent from the store; undefined where it is none. */
export const readIntent = readAs<Intent>(
  z.object({
    kind: z.enum(intentKinds),
    reason: z.string(),
    operator: z.string(),
    since: storedTime,
    deadline: z.optional(storedTime),
  }),
);
