/** What the peers server counts; read at scrape time. */
export interface PeersStats {
  connectionsOpen: number;
  connectionsTotal: number;
  /** Closed at once: as many as allowed were open, in all or by nodes. */
  connectionsRefused: number;
  /** Connections that did not greet as HAProxy does, or not in time. */
  badHellos: number;
  /** HAProxys whose tables are known and whose touches come live. */
  nodesUp: number;
  /** Updates of tables by what they are worth: `live` touches, `backlog` before the dump, `dump`, `stale` of a link that a newer one replaced. */
  readonly updates: { live: number; backlog: number; dump: number; stale: number };
  /** Resync requests of HAProxy that were answered. */
  resyncsAnswered: number;
  /** Dumps of all tables that HAProxy finished, `partial` when it was not in sync itself. */
  readonly dumps: { finished: number; partial: number };
  acksSent: number;
  /** Connections that the agent closed, by reason. */
  readonly closed: {
    'protocol-error': number;
    'error-received': number;
    silent: number;
    'dump-timeout': number;
    replaced: number;
    /** It had told nothing, and a new one needed its place. */
    displaced: number;
  };
  /** Connections that broke with a socket error other than a reset. */
  socketErrors: number;
}

/** Makes the counters, all zero. */
export function createPeersStats(): PeersStats {
  return {
    connectionsOpen: 0,
    connectionsTotal: 0,
    connectionsRefused: 0,
    badHellos: 0,
    nodesUp: 0,
    updates: { live: 0, backlog: 0, dump: 0, stale: 0 },
    resyncsAnswered: 0,
    dumps: { finished: 0, partial: 0 },
    acksSent: 0,
    closed: { 'protocol-error': 0, 'error-received': 0, silent: 0, 'dump-timeout': 0, replaced: 0, displaced: 0 },
    socketErrors: 0,
  };
}
