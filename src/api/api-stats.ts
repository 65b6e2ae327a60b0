import { createHttpStats, type HttpStats } from '../http';
import { createDecisionStats, type DecisionStats } from '../router';

/** The plain counters of the agent's HTTP API, read when metrics are scraped. */
export interface ApiStats extends HttpStats {
  readonly decisions: DecisionStats;
  /** Questions for a decision that wait for a lookup right now. */
  waitingRequests: number;
  /** Changes that operators asked for: carried out, not carried out (an error in the order), refused (not allowed to). */
  readonly changes: { done: number; failed: number; refused: number };
  /** Reports of MediaMTX's hooks and authentication: passed on to be confirmed, of no interest, dropped because too many waited. */
  readonly reports: { passedOn: number; ignored: number; dropped: number };
  /** Event streams: open now, cut because the client did not keep up. */
  readonly eventStreams: { open: number; cut: number };
}

/** Makes the counters of one HTTP server. */
export function createApiStats(): ApiStats {
  return {
    ...createHttpStats(),
    decisions: createDecisionStats(),
    waitingRequests: 0,
    changes: { done: 0, failed: 0, refused: 0 },
    reports: { passedOn: 0, ignored: 0, dropped: 0 },
    eventStreams: { open: 0, cut: 0 },
  };
}
