import type { EventDraft } from '../../../src/events';
import type { Logger } from '../../../src/log';
import type { Accounts, SlotRequest } from '../../../src/relay/accounts';
import type { RelayClient } from '../../../src/relay/client';
import type { RelayStream } from '../../../src/relay/stream';

/** A log that keeps what is written to it, each line as text. */
export function keptLog(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const shown = (_key: string, value: unknown): unknown => (value instanceof Error ? value.message : value);
  const write = (...parts: unknown[]): void => void lines.push(JSON.stringify(parts, shown));
  return { lines, debug: write, info: write, warn: write, error: write, isLevelEnabled: () => true };
}

export const aStream: RelayStream = {
  id: '0123456789abcdef0123456789abcdef',
  url: 'http://user:geheim@provider.example:8080/live/user/geheim/1.ts',
  failoverUrls: ['http://backup.example/live/geheim/2.ts', 'https://third.example/x?token=geheim'],
  resolverUrl: undefined,
  userAgent: 'VLC',
  headers: { cookie: 'geheim' },
  metadata: { id: '5' },
  type: 'live',
  hls: 'channel',
  createdAt: '2026-11-29T10:00:00.000Z',
};

/** A client whose fields a test may change; `ended` and `moves` tell what was asked of it. */
export function fakeClient(
  fields: Partial<RelayClient> = {},
): { -readonly [Key in keyof RelayClient]: RelayClient[Key] } & { ended: number; moves: number } {
  const client = {
    id: 'c1',
    streamId: aStream.id,
    userAgent: 'player',
    address: '192.0.2.7',
    username: undefined,
    createdAt: '2026-11-29T10:00:01.000Z',
    lastAccessMs: performance.now(),
    bytes: 0,
    segments: 0,
    source: 0,
    card: undefined,
    failovers: 0,
    ended: 0,
    moves: 0,
    disconnect() {
      client.ended++;
    },
    failover() {
      client.moves++;
      return 2;
    },
    ...fields,
  };
  return client;
}

/** Keeps what was emitted. */
export function keptEvents() {
  const events: EventDraft[] = [];
  return { events, emit: (event: EventDraft) => void events.push(event) };
}

/** Accounts of which each has one connection; the account of a URL is its host. */
export function oneEach(...hosts: readonly string[]): Accounts & { readonly taken: Map<string, SlotRequest> } {
  const taken = new Map<string, SlotRequest>();
  const nameOf = (url: string) => hosts.find((host) => url.startsWith(`http://${host}/`));
  return {
    taken,
    nameOf,
    take(request) {
      const account = nameOf(request.url);
      if (account === undefined) return { account, release: () => undefined };
      if (taken.has(account)) return undefined;
      taken.set(account, request);
      const release = (): void => {
        if (taken.get(account) === request) taken.delete(account);
      };
      return { account, release };
    },
    wait: () => Promise.resolve(undefined),
    list: () => [],
  };
}
