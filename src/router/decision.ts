/** What is known of a stream's whereabouts; the words of the HTTP API, the SPOE variables, the metrics and the logs. */
export const decisionStates = ['located', 'placed', 'unknown'] as const;

/**
 * - `located`: a server has the stream live, or shows its filler because the publisher is away.
 * - `placed`: nobody has it; `server` is where it should start.
 * - `unknown`: not enough evidence; HAProxy uses its own memory.
 */
export type DecisionState = (typeof decisionStates)[number];

/**
 * The answer to "which server has this stream?".
 * Decisions are interned: the same state and server are the same object, so that a bridge can keep its prepared answer by identity.
 */
export interface Decision {
  readonly state: DecisionState;
  /** HAProxy's name of the server; undefined exactly when `state` is `unknown`. */
  readonly server: string | undefined;
  /**
   * Only of `placed`: nobody is known to be able to start the stream, and several servers have not said; if this one answers that it
   * cannot, another may be tried. Bridges pass it on as the variable `elsewhere`.
   */
  readonly isElsewhereAllowed?: true;
}
