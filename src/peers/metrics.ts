import { type Collector, counter, gauge, samplesOf } from '../measure';
import type { PeersServer } from './server';

export const peersMetrics: Collector<Pick<PeersServer, 'stats'>> = {
  component: 'Peers',
  metrics: {
    mtxpilot_peers_nodes: gauge(
      'HAProxys connected as peers whose tables are known and which send updates live.',
      ({ stats }) => stats.nodesUp,
    ),
    mtxpilot_peers_open_connections: gauge('Open peers connections.', ({ stats }) => stats.connectionsOpen),
    mtxpilot_peers_connections_total: counter('Peers connections accepted.', ({ stats }) => stats.connectionsTotal),
    mtxpilot_peers_updates_total: counter(
      'Stick table updates from HAProxy. kind=live: used just now; dump, backlog: sent after connecting; stale: from a process that has been replaced.',
      ['kind'],
      ({ stats }) => samplesOf(stats.updates),
    ),
    mtxpilot_peers_dumps_total: counter(
      'Full stick table dumps from HAProxy. result=finished: complete; partial: HAProxy was not in sync itself and is asked again.',
      ['result'],
      ({ stats }) => samplesOf(stats.dumps),
    ),
    mtxpilot_peers_resyncs_total: counter(
      'Resync requests from HAProxy that were answered.',
      ({ stats }) => stats.resyncsAnswered,
    ),
    mtxpilot_peers_closed_total: counter(
      "Peers connections closed by the agent. reason=refused: too many connections; displaced: silent, closed to make room for a new one; bad_hello: the handshake was not HAProxy's.",
      ['reason'],
      ({ stats }) => [
        ...samplesOf(stats.closed),
        ['refused', stats.connectionsRefused],
        ['bad_hello', stats.badHellos],
      ],
    ),
  },
};
