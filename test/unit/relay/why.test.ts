import * as z from 'zod/mini';
import { RelayOverview, RelayWhy } from '../../../src/api/schemas';
import { createAccounts } from '../../../src/relay/account-slots';
import { createActiveStreams } from '../../../src/relay/active-streams';
import type { ChannelFigures } from '../../../src/relay/channels';
import type { RelayClient } from '../../../src/relay/client';
import { createClients } from '../../../src/relay/clients';
import type { SourceFailure } from '../../../src/relay/provider';
import { createReports } from '../../../src/relay/reports';
import { type RelayStream, sourcesOf } from '../../../src/relay/stream';
import { overview, type WhySource, whyView } from '../../../src/relay/why';
import { aStream, fakeClient, keptEvents, keptLog } from './fakes';

const { id } = aStream;
const [primary = '', backup = '', third = ''] = sourcesOf(aStream);
const refused: SourceFailure = { trigger: 'status', status: 503, retryAfterMs: undefined, reason: 'It answered 503.' };

function setUp({
  stored = [aStream],
  failback = 'idle' as const,
}: {
  stored?: RelayStream[];
  failback?: 'idle' | 'never';
} = {}) {
  const byId = new Map(stored.map((stream) => [stream.id, stream]));
  const time = { nowMs: 10_000 };
  const active = createActiveStreams();
  const reports = createReports({
    active,
    streamOf: (one) => byId.get(one),
    clientsOf: () => 0,
    emit: keptEvents().emit,
    wantsClients: () => false,
    record: { provider_connect: () => undefined, failover: () => undefined },
    log: keptLog(),
    now: () => Date.parse('2026-11-29T12:00:00.000Z') + time.nowMs,
  });
  const clients = createClients({ most: 1000, reports });
  const accounts = createAccounts(new Map([['backup', { match: 'backup.example', maxConnections: 1 }]]));
  const channelOf = new Map<string, ChannelFigures>();
  const from: WhySource = {
    streams: { all: () => byId.values(), get: (one) => byId.get(one), count: byId.size },
    clients,
    reports,
    active,
    accounts,
    channels: { figures: (one) => channelOf.get(one) },
    failback,
    streamTimeoutMs: 300_000,
    startedMs: 0,
    nowMs: () => time.nowMs,
  };
  const play = (fields: Partial<RelayClient> = {}): RelayClient => {
    const client = fakeClient(fields);
    clients.add(client);
    active.of(client.streamId).readers.add(client);
    return client;
  };
  /** As it arrives: the contract reads it, and nothing that is secret is in it. */
  const why = (stream = aStream): z.output<typeof RelayWhy> => {
    const text = JSON.stringify(whyView(stream, from));
    expect(text).not.toContain('geheim');
    return z.parse(RelayWhy, JSON.parse(text));
  };
  const all = (match = ''): z.output<typeof RelayOverview> => {
    const made = overview(match, from);
    const text = JSON.stringify({ ...made, streams: [...made.streams], accounts: [...made.accounts] });
    expect(text).not.toContain('geheim');
    return z.parse(RelayOverview, JSON.parse(text));
  };
  return { time, reports, active, accounts, channelOf, play, why, all };
}

describe('a stream', () => {
  it('that nobody plays: its sources in order, and with which one the next client begins', () => {
    const { why } = setUp();
    expect(why()).toMatchObject({
      id,
      type: 'live',
      clients: 0,
      current: null,
      currentUrl: null,
      recentFailovers: [],
      players: [],
      sources: [
        { index: 0, role: 'primary', url: 'http://provider.example:8080/…', state: 'ok', account: null, retryInMs: 0 },
        { index: 1, role: 'backup', url: 'http://backup.example/…', state: 'ok', account: 'backup' },
        { index: 2, role: 'backup', url: 'https://third.example/…', state: 'ok', account: null },
      ],
      accounts: [{ name: 'backup', maxConnections: 1, inUse: 0, inUseElsewhere: 0, waiting: 0 }],
      next: { index: 0, inMs: 0, because: 'Nobody plays it: the next client begins with the primary source.' },
    });
  });

  it('with failback never: the next client begins with the source that played last', () => {
    const { why, active } = setUp({ failback: 'never' });
    active.of(id).start = 1;
    expect(why().next).toMatchObject({ index: 1, because: expect.stringContaining('played last') as string });
  });

  it('tells who plays which source, and which one follows', () => {
    const { why, play } = setUp();
    play({ id: 'a', source: 1, bytes: 100, username: 'anna', failovers: 2 });
    play({ id: 'b', source: 1, bytes: 50 });
    play({ id: 'c', source: -1 });
    const said = why();
    expect(said.sources.map(({ state, clients }) => [state, clients])).toEqual([
      ['ok', 0],
      ['playing', 2],
      ['ok', 0],
    ]);
    expect(said).toMatchObject({
      clients: 3,
      bytes: 150,
      current: 1,
      currentUrl: 'http://backup.example/…',
      next: { index: 2, url: 'https://third.example/…', because: 'It is the next one in the list.' },
    });
    expect(said.players.map(({ id: who, source, username, failovers }) => [who, source, username, failovers])).toEqual([
      ['a', 1, 'anna', 2],
      ['b', 1, null, 0],
      ['c', null, null, 0],
    ]);
  });

  it('tells why a source failed, for how long it is left alone, and passes it over', () => {
    const { why, play, active, time } = setUp();
    play({ source: 0 });
    const { health } = active.of(id);
    health.failed(backup, refused, time.nowMs, time.nowMs);
    health.failed(backup, refused, time.nowMs, time.nowMs);
    time.nowMs += 500;
    const said = why();
    expect(said.sources[1]).toMatchObject({
      state: 'failed',
      failures: 2,
      lastFailure: { trigger: 'status', status: 503, reason: 'It answered 503.' },
      retryInMs: 1500,
    });
    expect(said.next).toMatchObject({
      index: 2,
      inMs: 0,
      because: 'It is the next one in the list that is not left alone.',
    });
    health.works(backup);
    expect(why().sources[1]).toMatchObject({ state: 'ok', failures: 0, lastFailure: null, retryInMs: 0 });
  });

  it('when all have failed: the one whose back-off is over first, and when that is', () => {
    const { why, play, active, time } = setUp();
    play({ source: -1 });
    const { health } = active.of(id);
    for (const [i, url] of [third, backup, primary].entries())
      health.failed(url, refused, time.nowMs + i, time.nowMs + i);
    time.nowMs += 100;
    expect(why().next).toMatchObject({
      index: 2,
      inMs: 900,
      because: expect.stringContaining('Every source has failed') as string,
    });
  });

  it('with one source only: that is tried again', () => {
    const lonely = { ...aStream, failoverUrls: [] };
    const { why, play } = setUp({ stored: [lonely] });
    play({ source: 0 });
    expect(why(lonely).next).toMatchObject({ index: 0, because: expect.stringContaining('only source') as string });
  });

  it('says when no connection of the next account is free', () => {
    const { why, play, accounts } = setUp();
    play({ source: 0 });
    void accounts.take({ url: backup, client: 'another', onTakenOver: () => undefined });
    const said = why();
    expect(said.accounts).toEqual([{ name: 'backup', maxConnections: 1, inUse: 1, inUseElsewhere: 0, waiting: 0 }]);
    expect(said.next).toMatchObject({
      index: 1,
      because: 'It is the next one in the list. No connection of its account backup is free (1 of 1 are in use).',
    });
  });

  it('shows a source that is read before it is needed', () => {
    const { why, play, active } = setUp();
    play({ source: 0 });
    active.of(id).standby = {
      source: { readyUrl: third, join: () => undefined, tick: () => undefined, stop: () => undefined },
      end: () => undefined,
    };
    const said = why();
    expect(said.sources.map(({ state }) => state)).toEqual(['playing', 'ok', 'standby']);
    expect(said.next).toMatchObject({ index: 2, because: expect.stringContaining('read already') as string });
  });

  it('tells its last failovers with their gaps, and no more than a hundred of its clients', () => {
    const { why, play, reports } = setUp();
    const client = play({ id: 'first', source: 1 });
    for (let i = 0; i < 150; i++) play({ id: `c${i}`, source: 1 });
    reports.failedOver({
      client,
      from: 0,
      to: 1,
      trigger: 'reset',
      reason: 'The connection broke.',
      byteGapMs: 104.4,
      pictureGapMs: 250.2,
    });
    expect(why().recentFailovers).toEqual([
      {
        time: '2026-11-29T12:00:10.000Z',
        from: 0,
        to: 1,
        fromUrl: 'http://provider.example:8080/…',
        toUrl: 'http://backup.example/…',
        trigger: 'reset',
        reason: 'The connection broke.',
        byteGapMs: 104,
        pictureGapMs: 250,
        client: 'first',
        clients: 1,
      },
    ]);
    expect(why()).toMatchObject({ clients: 151, failovers: 1 });
    expect(why().players).toHaveLength(100);
  });
});

describe('all streams', () => {
  const streams = Array.from(
    { length: 600 },
    (_, i): RelayStream => ({
      ...aStream,
      id: i.toString(16).padStart(32, '0'),
      metadata: { name: `Channel ${i}` },
    }),
  );
  const idOf = (i: number): string => streams[i]?.id ?? '';

  it('those that are played come first, then those of which something was reported, at most 500', () => {
    const { all, play, reports } = setUp({ stored: streams });
    reports.connected(idOf(590), 0, 5, refused);
    play({ streamId: idOf(599), source: 0 });
    const { streams: rows, total } = all();
    expect(rows.slice(0, 3).map(({ id: one }) => one)).toEqual([idOf(599), idOf(590), idOf(0)]);
    expect(rows).toHaveLength(500);
    expect(total).toBe(600);
    expect(rows[0]).toMatchObject({
      title: 'Channel 599',
      clients: 1,
      current: 0,
      sources: 3,
      failedSources: 0,
      gapsMs: [],
      channel: null,
    });
    expect(rows[1]).toMatchObject({ errors: 1, clients: 0, current: null });
  });

  it('are found by a part of their title or their id', () => {
    const { all, play } = setUp({ stored: streams });
    play({ streamId: idOf(7), source: 0 });
    expect(all('CHANNEL 59')).toMatchObject({ total: 11 });
    expect(all('channel 59').streams).toHaveLength(11);
    expect(all(idOf(31))).toMatchObject({ total: 1, streams: [{ title: 'Channel 31' }] });
    expect(all('nothing of the kind')).toMatchObject({ total: 0, streams: [] });
  });

  it('have the gaps of their last failovers, oldest first, and how many sources are left alone', () => {
    const { all, play, reports, active, time } = setUp();
    const client = play({ source: 1 });
    active.of(id).health.failed(primary, refused, time.nowMs, time.nowMs);
    const failover = { client, trigger: 'reset', reason: 'It broke.', pictureGapMs: undefined } as const;
    reports.failedOver({ ...failover, from: 0, to: 1, byteGapMs: 10 });
    reports.failedOver({ ...failover, from: 1, to: 0, byteGapMs: 20 });
    expect(all().streams).toMatchObject([{ id, failedSources: 1, gapsMs: [10, 20], lastFailover: { from: 1, to: 0 } }]);
    expect(all().accounts).toEqual([{ name: 'backup', maxConnections: 1, inUse: 0, inUseElsewhere: 0, waiting: 0 }]);
  });
});

it('the buffer of a channel is told beside its stream', () => {
  const { channelOf, all } = setUp();
  channelOf.set(id, { fill: { segments: 6, seconds: 12, bytes: 1000 }, underruns: 1, fetchMs: undefined });
  expect(all().streams).toMatchObject([{ id, channel: { segments: 6, seconds: 12, underruns: 1, fetchMs: null } }]);
});
