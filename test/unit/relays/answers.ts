import type * as z from 'zod/mini';
import type { RelayConfig, RelayOverview, RelayWhy } from '../../../src/api/schemas';

export const id = '0123456789abcdef0123456789abcdef';

export type Overview = z.output<typeof RelayOverview>;
export type Why = z.output<typeof RelayWhy>;
export type Config = z.output<typeof RelayConfig>;
type Row = Overview['streams'][number];

export const failover = (time: string): Why['recentFailovers'][number] => ({
  time,
  from: 0,
  to: 1,
  fromUrl: 'http://a.example/…',
  toUrl: 'http://b.example/…',
  trigger: 'reset',
  reason: 'It broke.',
  byteGapMs: 120,
  pictureGapMs: null,
  client: 'c1',
  clients: 1,
});

export function row(more: Partial<Row> = {}): Row {
  return {
    id,
    title: 'News',
    type: 'live',
    clients: 0,
    bytes: 0,
    errors: 0,
    failovers: 0,
    current: null,
    currentUrl: null,
    sources: 2,
    failedSources: 0,
    lastFailover: null,
    gapsMs: [],
    channel: null,
    ...more,
  };
}

export function whyOf(more: Partial<Why> = {}): Why {
  return {
    id,
    title: 'News',
    type: 'live',
    clients: 1,
    bytes: 1000,
    errors: 0,
    failovers: 0,
    current: 0,
    currentUrl: 'http://a.example/…',
    lastAccess: '2026-11-29T12:00:00.000Z',
    sources: [
      {
        index: 0,
        role: 'primary',
        url: 'http://a.example/…',
        state: 'playing',
        clients: 1,
        account: 'alice',
        failures: 0,
        lastFailure: null,
        retryInMs: 0,
      },
      {
        index: 1,
        role: 'backup',
        url: 'http://b.example/…',
        state: 'failed',
        clients: 0,
        account: null,
        failures: 2,
        lastFailure: { trigger: 'status', reason: 'It answered 503.', status: 503 },
        retryInMs: 1500,
      },
    ],
    accounts: [{ name: 'alice', maxConnections: 1, inUse: 1, inUseElsewhere: 0, waiting: 0 }],
    recentFailovers: [],
    players: [],
    next: { index: 1, url: 'http://b.example/…', inMs: 1500, because: 'It is the next one in the list.' },
    ...more,
  };
}

/** Two of the settings of HLS, of which the first limits the second. */
export function configOf(more: Partial<Config> = {}): Config {
  const setting = { unit: 'segments' as const, isWhole: true, isChanged: false, mostOf: null };
  return {
    tag: '0123456789abcdef',
    streamMode: 'HLS',
    configuredStreamMode: 'HLS',
    isDurable: true,
    failure: null,
    settings: [
      { ...setting, name: 'hls_max_segments', value: 20, configured: 20, standard: 20, least: 5, most: 100 },
      {
        ...setting,
        name: 'hls_window_size',
        value: 6,
        configured: 6,
        standard: 6,
        least: 3,
        most: 20,
        mostOf: 'hls_max_segments',
      },
    ],
    ...more,
  };
}
