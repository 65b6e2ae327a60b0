import { type Collector, counter, gauge } from '../measure';
import type { HttpStats } from './http-stats';

export const httpMetrics: Collector<{ readonly stats: Readonly<HttpStats> }> = {
  component: 'HTTP',
  metrics: {
    mtxpilot_http_requests_total: counter(
      'HTTP requests by endpoint and status code. path=other: no such endpoint.',
      ['path', 'code'],
      ({ stats }) =>
        Array.from(stats.answers).flatMap(([path, byStatus]) =>
          Array.from(byStatus, ([code, count]) => [path, code, count] as const),
        ),
    ),
    mtxpilot_http_open_connections: gauge('Open HTTP connections.', ({ stats }) => stats.connectionsOpen),
    mtxpilot_http_connections_total: counter('HTTP connections accepted.', ({ stats }) => stats.connectionsTotal),
    mtxpilot_http_connections_refused_total: counter(
      'HTTP connections closed on arrival because the limit was reached and all others were waiting for answers.',
      ({ stats }) => stats.connectionsRefused,
    ),
    mtxpilot_http_connections_displaced_total: counter(
      'HTTP connections that were idle or had not sent a complete request, closed to make room for a new one.',
      ({ stats }) => stats.connectionsDisplaced,
    ),
    mtxpilot_http_connections_cut_total: counter(
      'HTTP connections closed because they sent too many requests without waiting for answers.',
      ({ stats }) => stats.connectionsCut,
    ),
    mtxpilot_http_heavy_answers: gauge(
      'Lists and other heavy answers being generated or sent.',
      ({ stats }) => stats.heavyAnswers.inHand,
    ),
    mtxpilot_http_heavy_answers_refused_total: counter(
      'Lists and other heavy answers refused with 503 because too many were already in progress.',
      ({ stats }) => stats.heavyAnswers.refused,
    ),
    mtxpilot_http_heavy_answers_cut_total: counter(
      'Lists and other heavy answers cut off to make room for another because the client was not reading.',
      ({ stats }) => stats.heavyAnswers.cut,
    ),
  },
};
