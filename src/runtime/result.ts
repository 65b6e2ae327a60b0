/**
 * Why a command of the Runtime API has no usable answer.
 * - `invalid-command`: refused here, before anything was sent.
 * - `busy`: too many commands wait already, or HAProxy is using the entry at this moment. Worth another try.
 * - `unreachable`: no connection (no such socket, refused, not permitted).
 * - `timeout`: no complete reply within the deadline.
 * - `unanswered`: HAProxy closed the connection without a word: it stops, or (2.6) the command is longer than its buffer.
 * - `truncated`: the connection ended before the empty line that ends every reply.
 * - `too-large`: the reply is longer than the bound, or the command than HAProxy's buffer.
 * - `aborted`: the caller gave up.
 * - `denied`: HAProxy answered "Permission denied": the socket's level is too low.
 * - `not-found`: HAProxy knows no such backend, server, table, map or map entry.
 * - `unexpected`: an answer that is none of those the command may give.
 */
export type RuntimeErrorReason =
  | 'invalid-command'
  | 'busy'
  | 'unreachable'
  | 'timeout'
  | 'unanswered'
  | 'truncated'
  | 'too-large'
  | 'aborted'
  | 'denied'
  | 'not-found'
  | 'unexpected';

/** A failure for programs (`reason`) and for people (`message`: one line, safe to print). */
export interface RuntimeError {
  readonly reason: RuntimeErrorReason;
  readonly message: string;
}

export type RuntimeResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: RuntimeError };

export function success<T>(value: T): RuntimeResult<T> {
  return { ok: true, value };
}

export function failure(reason: RuntimeErrorReason, message: string): RuntimeResult<never> {
  return { ok: false, error: { reason, message } };
}

const longestQuote = 80;

/** Text from outside, quoted for a message: one line, escaped, at most 80 characters of it. */
export function quote(text: string): string {
  const shown = text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text;
  // JSON escapes C0 and lone surrogates; DEL and C1 would still reach a terminal.
  return JSON.stringify(shown).replace(/[\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
