import type { Logger } from '../log';
import type { Decision } from './decision';
import type { Router } from './router';

/** The same router, with one line at debug for each decision; the very same object where nobody reads debug lines. */
export function withDecisionLog(router: Router, log: Logger): Router {
  if (!log.isLevelEnabled('debug')) return router;
  const write = (stream: string, session: string, { state, server }: Decision, waited: boolean): void => {
    log.debug(
      { stream: stream.slice(0, maxLogged), session: session.slice(0, maxLogged), state, server, waited },
      'decision',
    );
  };
  return {
    ...router,
    decide(stream, session) {
      const decision = router.decide(stream, session);
      if (!(decision instanceof Promise)) {
        write(stream, session, decision, false);
        return decision;
      }
      return decision.then((late) => {
        write(stream, session, late, true);
        return late;
      });
    },
  };
}

// Whoever asks the HTTP API may send names of any length.
const maxLogged = 256;
