/** The plain counters of a program's HTTP shell, read when metrics are scraped. */
export interface HttpStats {
  /** Answers by endpoint (a path template such as `/v1/streams/{name}`, or `other`), then by status code. */
  readonly answers: Map<string, Map<number, number>>;
  connectionsOpen: number;
  connectionsTotal: number;
  /** Connections closed at once, because `maxConnections` were open and all waited for answers. */
  connectionsRefused: number;
  /** Connections without an answer to come, closed for a new one while as many as allowed were open. */
  connectionsDisplaced: number;
  /** Connections closed because they sent too many requests ahead. */
  connectionsCut: number;
  /** Lists and other heavy answers: in hand now, refused because too many were, cut because their client did not read them. */
  readonly heavyAnswers: { inHand: number; refused: number; cut: number };
}

/** Makes the counters of one HTTP server. */
export function createHttpStats(): HttpStats {
  return {
    answers: new Map(),
    connectionsOpen: 0,
    connectionsTotal: 0,
    connectionsRefused: 0,
    connectionsDisplaced: 0,
    connectionsCut: 0,
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
