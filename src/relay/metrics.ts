import { deliveryMetrics } from '../events';
import { httpMetrics } from '../http';
import {
  type Collector,
  counter,
  createMetricsPage,
  gauge,
  histogram,
  type MetricsPage,
  nodeMetrics,
  processMetrics,
  samplesOf,
  watchProcess,
} from '../measure';
import { storeMetrics } from '../store';
import { version } from '../version';
import type { Accounts } from './accounts';
import { channelMetrics } from './channel-metrics';
import type { RelayClients } from './client';
import type { ReportStats } from './reports';

interface Source {
  readonly stats: ReportStats;
  readonly clients: Pick<RelayClients, 'all' | 'count'>;
  readonly streams: { readonly count: number };
  readonly accounts: Pick<Accounts, 'list'>;
}

export const relayMetrics: Collector<Source> = {
  component: 'Relay',
  metrics: {
    mtxpilot_relay_streams: gauge('Streams stored.', ({ streams }) => streams.count),
    mtxpilot_relay_active_streams: gauge('Streams that have clients.', ({ stats }) => stats.startedStreams),
    mtxpilot_relay_clients: gauge('Clients connected.', ({ clients }) => clients.count),
    mtxpilot_relay_clients_total: counter('Clients that connected.', ({ stats }) => stats.clientsTotal),
    mtxpilot_relay_clients_failed_total: counter(
      'Clients that no source could serve.',
      ({ stats }) => stats.clientsFailed,
    ),
    mtxpilot_relay_bytes_total: counter('Bytes of streams sent to clients.', ({ stats, clients }) =>
      clients.all().reduce((sum, { bytes }) => sum + bytes, stats.bytesOfGone),
    ),
    mtxpilot_relay_failovers_total: counter(
      'Times a client went over to another source, by what the old one did. trigger=manual: an operator asked for it; account: no connection of its account was free; card: a card was played, and a source was back.',
      ['trigger'],
      ({ stats }) => samplesOf(stats.failovers),
    ),
    mtxpilot_relay_account_connections: gauge(
      'Connections of an account that are in use: by this relay, and by the others that share its store. where=here, elsewhere.',
      ['account', 'where'],
      ({ accounts }) =>
        accounts.list().flatMap(({ name, inUse, inUseElsewhere }) => [
          [name, 'here', inUse],
          [name, 'elsewhere', inUseElsewhere],
        ]),
    ),
    mtxpilot_relay_account_limit: gauge('Connections that an account has.', ['account'], ({ accounts }) =>
      accounts.list().map(({ name, maxConnections }) => [name, maxConnections]),
    ),
    mtxpilot_relay_account_waiting: gauge(
      'Clients that wait for a connection of an account.',
      ['account'],
      ({ accounts }) => accounts.list().map(({ name, waiting }) => [name, waiting]),
    ),
    mtxpilot_relay_account_alone: gauge(
      '1 while this relay counts the connections of an account by itself because the store that it shares does not answer, else 0.',
      ['account'],
      ({ accounts }) => accounts.list().map(({ name, isAlone }) => [name, isAlone ? 1 : 0]),
    ),
    mtxpilot_relay_cards_total: counter(
      'Times a client was shown a card. reason=down: every source failed; full: one had as many connections as it may have.',
      ['reason'],
      ({ stats }) => samplesOf(stats.cards),
    ),
    mtxpilot_relay_clients_on_card: gauge(
      'Clients that are shown a card now.',
      ({ clients }) => clients.all().filter(({ card }) => card !== undefined).length,
    ),
    mtxpilot_relay_provider_connects_total: counter(
      'Connections to providers. result=ok: opened; else why not: connect, headers, status, type, limit, redirect, forbidden, …',
      ['result'],
      ({ stats }) => samplesOf(stats.connects),
    ),
    mtxpilot_relay_provider_connect_seconds: histogram(
      'Time from asking a provider to the beginning of its answer, including failed attempts.',
      [],
      ({ stats }) => [[stats.connectTime]],
    ),
    mtxpilot_relay_failover_byte_gap_seconds: histogram(
      'Time between the last byte of the old source and the first of the new one.',
      [],
      ({ stats }) => [[stats.byteGap]],
    ),
    mtxpilot_relay_failover_picture_gap_seconds: histogram(
      'How much of the programme is missing or late after a failover, by its own times.',
      [],
      ({ stats }) => [[stats.pictureGap]],
    ),
  },
};

/** Makes the page of the relay's metrics. */
export function createRelayMetrics(): MetricsPage {
  const page = createMetricsPage(
    [relayMetrics, channelMetrics, httpMetrics, deliveryMetrics, storeMetrics, processMetrics],
    nodeMetrics(),
  );
  page.read(processMetrics, watchProcess(version));
  return page;
}
