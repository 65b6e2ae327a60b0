import { type Collector, counter, gauge, samplesOf } from '../measure';
import type { ApiStats } from './api-stats';

export const apiMetrics: Collector<{ readonly stats: Pick<ApiStats, 'changes' | 'reports' | 'eventStreams'> }> = {
  component: 'HTTP API',
  metrics: {
    mtxpilot_changes_total: counter(
      'Changes requested by operators. result=done: carried out; failed: not possible as requested; refused: the caller may not change anything.',
      ['result'],
      ({ stats }) => samplesOf(stats.changes),
    ),
    mtxpilot_hook_reports_total: counter(
      "Reports from MediaMTX's hooks and HTTP authentication. result=asked: the servers were asked; ignored: not about a publisher; dropped: too many at once.",
      ['result'],
      ({ stats: { reports } }) => [
        ['asked', reports.passedOn],
        ['ignored', reports.ignored],
        ['dropped', reports.dropped],
      ],
    ),
    mtxpilot_event_streams_open: gauge('Clients following events over HTTP.', ({ stats }) => stats.eventStreams.open),
    mtxpilot_event_streams_cut_total: counter(
      'Clients following events that were disconnected because they were not reading.',
      ({ stats }) => stats.eventStreams.cut,
    ),
  },
};
