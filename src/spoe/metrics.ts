import { type Collector, counter, gauge, samplesOf } from '../measure';
import type { SpoeServer } from './server';

export const spoeMetrics: Collector<Pick<SpoeServer, 'stats'>> = {
  component: 'SPOE',
  metrics: {
    mtxpilot_spoe_open_connections: gauge('Open SPOE connections.', ({ stats }) => stats.connectionsOpen),
    mtxpilot_spoe_connections_total: counter(
      "SPOE connections accepted, including HAProxy's health checks.",
      ({ stats }) => stats.connectionsTotal,
    ),
    mtxpilot_spoe_connections_refused_total: counter(
      'SPOE connections closed on arrival because spoe.maxConnections was reached.',
      ({ stats }) => stats.connectionsRefused,
    ),
    mtxpilot_spoe_connections_displaced_total: counter(
      'Idle SPOE connections closed to make room for a new one because spoe.maxConnections was reached.',
      ({ stats }) => stats.connectionsDisplaced,
    ),
    mtxpilot_spoe_healthchecks_total: counter('SPOE health checks from HAProxy.', ({ stats }) => stats.healthchecks),
    mtxpilot_spoe_frames_total: counter(
      'SPOE frames. direction=in: from HAProxy; out: from the agent. type=other: frames that were skipped.',
      ['direction', 'type'],
      ({ stats }) => [...samplesOf(stats.framesIn, 'in'), ...samplesOf(stats.framesOut, 'out')],
    ),
    mtxpilot_spoe_disconnects_total: counter(
      'SPOE DISCONNECT frames by status. direction=in: from HAProxy; out: from the agent. Any status but normal means an error.',
      ['direction', 'status'],
      ({ stats }) => [...samplesOf(stats.disconnectsReceived, 'in'), ...samplesOf(stats.disconnectsSent, 'out')],
    ),
    mtxpilot_spoe_errors_total: counter(
      'SPOE errors outside the protocol. kind=socket: a connection broke; unanswerable: a question without stream and session (check spoe.cfg); decide_failure: a bug, see the log.',
      ['kind'],
      ({ stats }) => [
        ['socket', stats.socketErrors],
        ['unanswerable', stats.unanswerable],
        ['decide_failure', stats.decideFailures],
      ],
    ),
  },
};
