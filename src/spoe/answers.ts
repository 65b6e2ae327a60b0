import type { Logger } from '../log';
import type { Decision } from '../router';
import { maxFrameHeaderBytes, minMaxFrameSizeBytes } from './frame';
import { encodeSetVars } from './payload';

/** Actions of this length fit every agreed frame size, whatever the ids. */
const maxActionsBytes = minMaxFrameSizeBytes - maxFrameHeaderBytes;

/** Encodes decisions once. */
export interface Answers {
  /** The actions of an ACK: set-var `state`, and `server` and `elsewhere` where there are such. Never empty: HAProxy 3.1 and 3.2 may stall on an empty ACK. */
  actionsFor(decision: Decision): Uint8Array;
}

/** Decisions are interned, so the encoded actions are kept by identity, for as long as somebody keeps the decision. */
export function createAnswers(log: Logger): Answers {
  const prepared = new WeakMap<Decision, Uint8Array>();

  function prepare(decision: Decision): Uint8Array {
    const { state, server, isElsewhereAllowed } = decision;
    let actions = encodeSetVars({
      state,
      ...(server !== undefined && { server }),
      ...(isElsewhereAllowed === true && { elsewhere: '1' }),
    });
    if (actions.length > maxActionsBytes) {
      log.error(
        { server, maxActionsBytes },
        'SPOE: a server name is too long for an answer; answering unknown instead',
      );
      actions = encodeSetVars({ state: 'unknown' });
    }
    prepared.set(decision, actions);
    return actions;
  }

  return { actionsFor: (decision) => prepared.get(decision) ?? prepare(decision) };
}
