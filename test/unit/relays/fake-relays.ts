import type { RelayViews } from '../../../src/relays';
import { configOf, failover, id, row, whyOf } from './answers';

export const relayStream = {
  id,
  title: 'News',
  type: 'live' as const,
  clients: 1,
  bytes: 1000,
  failovers: 1,
  lastFailover: failover('2026-11-29T12:00:00Z'),
  relays: [{ name: 'relay1', problem: null, why: whyOf() }],
};
export const relayState = { name: 'relay1', problem: null, streams: 2, accounts: whyOf().accounts };
export const otherId = 'f'.repeat(32);

/** One relay with two streams, of which it tells more of the first; `moved` is what comes of a failover. */
export interface FakeRelays extends RelayViews {
  /** What it was asked, such as `stream 0123…`. */
  readonly asked: string[];
  moved: Awaited<ReturnType<RelayViews['failover']>>;
  /** What comes of a change of its settings. */
  configured: Awaited<ReturnType<RelayViews['changeConfig']>>;
}

export function createFakeRelays(): FakeRelays {
  const asked: string[] = [];
  return {
    asked,
    moved: { id, moved: 2, relays: [{ name: 'relay1', moved: 2, problem: null }] },
    configured: { value: configOf() },
    count: 1,
    streams(match) {
      asked.push(`streams ${match}`);
      const streams = [row(), row({ id: otherId })].map((stream) => ({ stream, relays: [] }));
      return Promise.resolve({ streams, total: 2, relays: [relayState] });
    },
    stream(one) {
      asked.push(`stream ${one}`);
      return Promise.resolve(one === id ? relayStream : undefined);
    },
    failover(one) {
      asked.push(`failover ${one}`);
      return Promise.resolve(this.moved);
    },
    configs() {
      return Promise.resolve({ relays: [{ name: 'relay1', problem: null, config: configOf() }] });
    },
    changeConfig(relay, changes, tag) {
      asked.push(`configure ${relay} ${JSON.stringify(changes)} ${tag ?? 'any'}`);
      return Promise.resolve(relay === 'relay1' ? this.configured : undefined);
    },
    stop: () => Promise.resolve(),
  };
}
