import { createDecisionStats, type DecisionStats } from '../router';

/** The plain counters of the HTTP bridge, read when metrics are scraped. */
export interface HttpStats {
  readonly decisions: DecisionStats;
  /** Answers by endpoint (a path template such as `/v1/streams/{name}`, or `other`), then by status code. */
  readonly answers: Map<string, Map<number, number>>;
  /** Questions for a decision that wait for a lookup right now. */
  waitingRequests: number;
  connectionsOpen: number;
  connectionsTotal: number;
  /** Connections closed at once, because `maxConnections` were open and all waited for answers. */
  connectionsRefused: number;
  /** Connections without an answer to come, closed for a new one while as many as allowed were open. */
  connectionsDisplaced: number;
  /** Connections closed because they sent too many requests ahead. */
  connectionsCut: number;
  /** Changes that operators asked for: carried out, not carried out (an error in the order), refused (not allowed to). */
  readonly changes: { done: number; failed: number; refused: number };
  /** Reports of MediaMTX's hooks and authentication: passed on to be confirmed, of no interest, dropped because too many waited. */
  readonly reports: { passedOn: number; ignored: number; dropped: number };
  /** Event streams: open now, cut because the client did not keep up. */
  readonly eventStreams: { open: number; cut: number };
  /** Lists and other heavy answers: in hand now, refused because too many were, cut because their client did not read them. */
  readonly heavyAnswers: { inHand: number; refused: number; cut: number };
}

/** Makes the counters of one HTTP server. */
export function createHttpStats(): HttpStats {
  return {
    decisions: createDecisionStats(),
    answers: new Map(),
    waitingRequests: 0,
    connectionsOpen: 0,
    connectionsTotal: 0,
    connectionsRefused: 0,
    connectionsDisplaced: 0,
    connectionsCut: 0,
    changes: { done: 0, failed: 0, refused: 0 },
    reports: { passedOn: 0, ignored: 0, dropped: 0 },
    eventStreams: { open: 0, cut: 0 },
    heavyAnswers: { inHand: 0, refused: 0, cut: 0 },
  };
}

/** Counts one answer. `endpoint` must come from a fixed set, never from a request. */
export function countAnswer(stats: HttpStats, endpoint: string, status: number): void {
  let byStatus = stats.answers.get(endpoint);
  if (byStatus === undefined) {
    byStatus = new Map();
    stats.answers.set(endpoint, byStatus);
  }
  byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
}
