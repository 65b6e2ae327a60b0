import { type Collector, counter, gauge } from '../measure';
import type { TablePoll } from './table-poll';
import type { Viewers } from './viewers';

interface Source {
  readonly viewers: Pick<Viewers, 'stats' | 'total' | 'server'>;
  /** What reads HAProxy's tables; none where HAProxy tells them as a peer. */
  readonly polls: readonly Pick<TablePoll, 'stats'>[];
  /** The fleet. */
  readonly servers: () => readonly { readonly name: string }[];
}

export const viewerMetrics: Collector<Source> = {
  component: 'Viewers',
  metrics: {
    mtxpilot_viewers: gauge('Viewers over all HAProxys.', ({ viewers }) => viewers.total().viewers),
    mtxpilot_server_viewers: gauge(
      'Viewers whose session is bound to the server.',
      ['server'],
      ({ viewers, servers }) => servers().map(({ name }) => [name, viewers.server(name)?.viewers ?? 0]),
    ),
    mtxpilot_viewer_joins_total: counter(
      'Viewers that joined. One that returns after viewers.goneAfter counts again.',
      ({ viewers }) => viewers.stats.joins,
    ),
    mtxpilot_viewer_leaves_total: counter(
      'Viewers that left: not seen for viewers.goneAfter.',
      ({ viewers }) => viewers.stats.leaves,
    ),
    mtxpilot_viewer_moves_total: counter(
      'Viewers that moved. to=server: to another server; haproxy: to another HAProxy.',
      ['to'],
      ({ viewers: { stats } }) => [
        ['server', stats.serverMoves],
        ['haproxy', stats.nodeMoves],
      ],
    ),
    mtxpilot_viewers_ignored_total: counter(
      "Entries of HAProxy's session table that were ignored. reason=strange: not a viewer's key; full: too many viewers.",
      ['reason'],
      ({ viewers: { stats } }) => [
        ['strange', stats.strangeKeys],
        ['full', stats.overflow],
      ],
    ),
    mtxpilot_table_polls_total: counter(
      "Reads of HAProxy's session table by result (only with peers.listen: off).",
      ['result'],
      ({ polls }) => {
        if (polls.length === 0) return [];
        const failed = polls.reduce((sum, { stats }) => sum + stats.failures, 0);
        const all = polls.reduce((sum, { stats }) => sum + stats.polls, 0);
        return Object.entries({ ok: all - failed, failed });
      },
    ),
  },
};
