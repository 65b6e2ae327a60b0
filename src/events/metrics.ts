import { type Collector, counter, gauge, histogram, renamed, samplesOf } from '../measure';
import type { DispatcherStats } from './dispatcher';
import type { EventLogStats } from './event-log';
import type { StreamEvents } from './stream-events';
import type { ViewerEvents } from './viewer-events';

interface Source {
  readonly log: EventLogStats;
  readonly streams: StreamEvents['stats'];
  /** Undefined before the viewers are watched. */
  readonly audience: { readonly stats: ViewerEvents['stats'] | undefined };
}

export const eventMetrics: Collector<Source> = {
  component: 'Events',
  metrics: {
    mtxpilot_events_total: counter('Events that happened, by type.', ['type'], ({ log }) => Object.entries(log.byType)),
    mtxpilot_events_waiting: gauge('Events not yet in the store.', ({ log }) => log.waiting),
    mtxpilot_events_lost_total: counter(
      'Events that never reached the log: too many were waiting for a failing store, or they were too large.',
      ({ log }) => log.dropped,
    ),
    mtxpilot_event_log_failures_total: counter(
      'Times the store failed to take events; the agent tries again.',
      ({ log }) => log.failures,
    ),
    mtxpilot_event_log_events: gauge('Events stored in the log.', ({ log }) => log.stored),
    mtxpilot_stream_events_pending: gauge(
      'Streams with an event on hold until events.endGrace is over or there is time for it.',
      ({ streams }) => streams.pending,
    ),
    mtxpilot_streams_watched: gauge(
      'Streams that have viewers, as announced by events.',
      ({ audience }) => audience.stats?.watched ?? 0,
    ),
    mtxpilot_viewers_unannounced_total: renamed(
      'mtxpilot_viewers_not_told_total',
      counter(
        'Viewers that joined or left without an event (with events.viewers: true) because the event log was too busy.',
        ({ audience }) => audience.stats?.viewersUnannounced ?? 0,
      ),
    ),
  },
};

/** By webhook; none while another agent delivers. */
interface Deliveries {
  readonly stats: ReadonlyMap<string, DispatcherStats>;
}

const byWebhook =
  <Value>(read: (stats: DispatcherStats) => Value) =>
  ({ stats }: Deliveries): [string, Value][] =>
    Array.from(stats, ([webhook, ofWebhook]) => [webhook, read(ofWebhook)]);

export const deliveryMetrics: Collector<Deliveries> = {
  component: 'Webhooks',
  metrics: {
    mtxpilot_deliveries_total: counter(
      'Attempts to deliver an event. result=ok: accepted by the receiver; gone (410), bad_status, timeout, tls, unreachable: failed, to be tried again.',
      ['webhook', 'result'],
      ({ stats }) => Array.from(stats).flatMap(([webhook, { attempts }]) => samplesOf(attempts, webhook)),
    ),
    mtxpilot_outbox_events: gauge(
      'Events still to be delivered.',
      ['webhook'],
      byWebhook(({ depth }) => depth),
    ),
    mtxpilot_outbox_age_seconds: gauge(
      'Age of the oldest event still to be delivered.',
      ['webhook'],
      byWebhook(({ oldestAgeMs }) => oldestAgeMs / 1000),
    ),
    mtxpilot_webhook_open: gauge(
      '1 while delivery is suspended because the receiver failed several times in a row or answered 410, else 0.',
      ['webhook'],
      byWebhook(({ circuit, isDisabled }) => (isDisabled || circuit !== 'closed' ? 1 : 0)),
    ),
    mtxpilot_dead_letters_total: counter(
      'Events given up after events.webhooks.NAME.giveUpAfter and moved to the dead letters.',
      ['webhook'],
      byWebhook(({ deadLetters }) => deadLetters),
    ),
    mtxpilot_outbox_trimmed_total: renamed(
      'mtxpilot_outbox_overtaken_total',
      counter(
        'Times the log was trimmed (events.keep) of events that the receiver had not had yet.',
        ['webhook'],
        byWebhook(({ trimmed }) => trimmed),
      ),
    ),
    mtxpilot_delivery_duration_seconds: histogram(
      'Duration of delivery attempts, including failed ones.',
      ['webhook'],
      byWebhook(({ time }) => time),
    ),
    mtxpilot_event_lag_seconds: histogram(
      'Time from an event to its delivery.',
      ['webhook'],
      byWebhook(({ lag }) => lag),
    ),
  },
};
