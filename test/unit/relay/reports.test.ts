import { createActiveStreams } from '../../../src/relay/active-streams';
import { createReports } from '../../../src/relay/reports';
import type { RelayStream } from '../../../src/relay/stream';
import { aStream, fakeClient, keptEvents, keptLog } from './fakes';

function setUp({ wantsClients = true } = {}) {
  const { events, emit } = keptEvents();
  const stored = new Map<string, RelayStream>([[aStream.id, aStream]]);
  const recorded: string[] = [];
  const log = keptLog();
  const reports = createReports({
    active: createActiveStreams(),
    streamOf: (id) => stored.get(id),
    clientsOf: () => 2,
    emit,
    wantsClients: () => wantsClients,
    record: {
      provider_connect: (tookMs, count, failed) => void recorded.push(`connect ${tookMs} ${count} ${failed}`),
      failover: (tookMs, count, failed) => void recorded.push(`failover ${tookMs} ${count} ${failed}`),
    },
    log,
    now: () => Date.parse('2026-11-29T12:00:00.000Z'),
  });
  return { reports, events, stored, recorded, log };
}
const id = aStream.id;

it('tells of a stream exactly once that it started and ended, with all bytes, and of each client', () => {
  const { reports, events } = setUp();
  const client = fakeClient({ username: 'anna' });
  reports.streamStarted(id);
  reports.streamStarted(id);
  reports.clientConnected(client);
  reports.clientConnected(client);
  expect(reports.of(id)).toMatchObject({ isStarted: true, bytesOfGone: 0 });
  expect(reports.stats.startedStreams).toBe(1);
  client.bytes = 1880;
  reports.clientDisconnected(client);
  reports.clientDisconnected(client);
  reports.streamStopped(id, 'last client left');
  reports.streamStopped(id, 'again');
  expect(events.map(({ type, stream, reason, data }) => ({ type, stream, reason, data }))).toEqual([
    {
      type: 'stream.started',
      stream: id,
      reason: undefined,
      data: {
        source: 'http://provider.example:8080/…',
        backups: ['http://backup.example/…', 'https://third.example/…'],
        userAgent: 'VLC',
        streamType: 'live',
        metadata: { id: '5' },
      },
    },
    {
      type: 'viewer.joined',
      stream: id,
      reason: undefined,
      data: { client: 'c1', userAgent: 'player', address: '192.0.2.7', username: 'anna', viewers: 2 },
    },
    {
      type: 'viewer.left',
      stream: id,
      reason: undefined,
      data: {
        client: 'c1',
        userAgent: 'player',
        address: '192.0.2.7',
        username: 'anna',
        viewers: 2,
        bytes: 1880,
        segments: 0,
        failovers: 0,
      },
    },
    { type: 'stream.ended', stream: id, reason: 'last client left', data: { bytes: 1880 } },
  ]);
  expect(JSON.stringify(events)).not.toContain('geheim');
  expect(reports.stats).toMatchObject({ startedStreams: 0, clientsTotal: 1, bytesOfGone: 1880 });
  expect(reports.of(id)).toMatchObject({
    isStarted: false,
    bytesOfGone: 1880,
    lastAccessMs: Date.parse('2026-11-29T12:00:00.000Z'),
  });
});

it('tells of single clients only when somebody wants to know, and counts them all the same', () => {
  const { reports, events } = setUp({ wantsClients: false });
  const client = fakeClient({ bytes: 5 });
  reports.clientConnected(client);
  reports.clientDisconnected(client);
  expect(events).toEqual([]);
  expect(reports.stats).toMatchObject({ clientsTotal: 1, bytesOfGone: 5 });
});

it('counts and tells of failovers by trigger, with both gaps', () => {
  const { reports, events, recorded } = setUp();
  const failover = { client: fakeClient(), from: 0, to: 1, trigger: 'stall', reason: 'nothing came for 4 s' } as const;
  reports.failedOver({ ...failover, byteGapMs: 24, pictureGapMs: 40 });
  reports.failedOver({ ...failover, from: 1, to: 2, trigger: 'end', byteGapMs: 30, pictureGapMs: undefined });
  expect(reports.of(id)).toMatchObject({
    failovers: 2,
    lastFailover: { time: '2026-11-29T12:00:00.000Z', from: 1, to: 2, trigger: 'end', byteGapMs: 30 },
  });
  expect(reports.stats.failovers).toMatchObject({ stall: 1, end: 1, reset: 0 });
  expect(reports.stats.byteGap.counts.reduce((sum, one) => sum + one, 0)).toBe(2);
  expect(reports.stats.pictureGap.counts.reduce((sum, one) => sum + one, 0)).toBe(1);
  expect(recorded).toEqual(['failover 24 1 0', 'failover 30 1 0']);
  expect(events[0]).toMatchObject({
    type: 'stream.failover',
    reason: 'nothing came for 4 s',
    data: {
      client: 'c1',
      from: 'http://provider.example:8080/…',
      to: 'http://backup.example/…',
      fromIndex: 0,
      toIndex: 1,
      trigger: 'stall',
      byteGapMs: 24,
      pictureGapMs: 40,
      failovers: 1,
    },
  });
});

it('counts connections to providers, and clients that no source could serve', () => {
  const { reports, events, recorded } = setUp();
  const failure = { trigger: 'status', status: 404, retryAfterMs: undefined, reason: 'it answers 404' } as const;
  reports.connected(id, 0, 12, undefined);
  reports.connected(id, 0, 15, failure);
  reports.clientFailed(fakeClient(), failure);
  expect(recorded).toEqual(['connect 12 1 0', 'connect 15 1 1']);
  expect(reports.stats.connects).toMatchObject({ ok: 1, status: 1 });
  expect(reports.stats.clientsFailed).toBe(1);
  expect(reports.of(id).errors).toBe(2);
  expect(events).toMatchObject([
    { type: 'stream.failed', reason: 'it answers 404', data: { status: 404, backups: 2 } },
  ]);
});

it('logs what went wrong, and no more than so many lines of it', () => {
  const { reports, log } = setUp();
  const failure = {
    trigger: 'reset',
    status: undefined,
    retryAfterMs: undefined,
    reason: 'the connection broke',
  } as const;
  for (let at = 0; at < 100; at++) {
    reports.connected(id, 0, 1, failure);
    reports.failedOver({ client: fakeClient(), from: 0, to: 1, ...failure, byteGapMs: 5, pictureGapMs: undefined });
    reports.clientFailed(fakeClient(), failure);
  }
  expect(log.lines).toHaveLength(30);
  expect(log.lines[1]).toContain('"from":0,"to":1,"trigger":"reset","reason":"the connection broke","byteGapMs":5');
  expect(log.lines.join()).not.toContain('geheim');
});

it('keeps nothing of streams that are gone', () => {
  const { reports, stored, events } = setUp();
  reports.streamStarted(id);
  reports.streamStopped(id, 'last client left');
  expect(reports.of(id).lastAccessMs).toBeDefined();
  stored.delete(id);
  reports.forget(id);
  expect(reports.of(id).lastAccessMs).toBeUndefined();

  stored.set(id, aStream);
  reports.streamStarted(id);
  stored.delete(id);
  reports.forget(id);
  expect(reports.of(id).isStarted).toBe(true);
  reports.streamStopped(id, 'last client left');
  expect(events.at(-1)?.reason).toBe('the stream was deleted');
  expect(reports.of(id)).toMatchObject({ isStarted: false, lastAccessMs: undefined });
  expect(events.map(({ type }) => type)).toEqual(['stream.started', 'stream.ended', 'stream.started', 'stream.ended']);

  for (let at = 0; at < 100; at++) reports.connected(`unknown-${at}`, 0, 1, undefined);
  expect(reports.of('unknown-1')).toMatchObject({ errors: 0 });
});
