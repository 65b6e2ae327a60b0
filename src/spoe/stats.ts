import { createDecisionStats, type DecisionStats } from '../router';
import { type StatusName, statusNames } from './status';

/** What the SPOE server counts; read at scrape time. */
export interface SpoeStats {
  connectionsOpen: number;
  /** All that were accepted, health checks included. */
  connectionsTotal: number;
  /** Closed at once, because as many as allowed were open. */
  connectionsRefused: number;
  /** Closed for a new one while as many as allowed were open: silent, or never asked anything. */
  connectionsDisplaced: number;
  /** Frames received; `other` are skipped ones. */
  readonly framesIn: { haproxyHello: number; haproxyDisconnect: number; notify: number; other: number };
  /** Frames sent. */
  readonly framesOut: { agentHello: number; agentDisconnect: number; ack: number };
  /** HELLOs that were health checks. */
  healthchecks: number;
  /** DISCONNECTs sent, by status; `normal` is no error. */
  readonly disconnectsSent: Record<StatusName, number>;
  /** DISCONNECTs received, by status. */
  readonly disconnectsReceived: Record<StatusName, number>;
  /** Connections that broke with a socket error other than a reset. */
  socketErrors: number;
  /** NOTIFYs without a message `where` that has both arguments as strings; answered `unknown`. */
  unanswerable: number;
  /** Decisions that threw or rejected; answered `unknown`. */
  decideFailures: number;
  /** NOTIFYs that wait for a lookup now. */
  waiting: number;
  readonly decisions: DecisionStats;
}

/** Makes the counters, all zero. */
export function createSpoeStats(): SpoeStats {
  return {
    connectionsOpen: 0,
    connectionsTotal: 0,
    connectionsRefused: 0,
    connectionsDisplaced: 0,
    framesIn: { haproxyHello: 0, haproxyDisconnect: 0, notify: 0, other: 0 },
    framesOut: { agentHello: 0, agentDisconnect: 0, ack: 0 },
    healthchecks: 0,
    disconnectsSent: zeroes(),
    disconnectsReceived: zeroes(),
    socketErrors: 0,
    unanswerable: 0,
    decideFailures: 0,
    waiting: 0,
    decisions: createDecisionStats(),
  };
}

function zeroes(): Record<StatusName, number> {
  return Object.fromEntries(statusNames.map((name) => [name, 0])) as Record<StatusName, number>;
}
