import type { EventDraft, StoredEvent } from '../../../src/events';
import { createActiveStreams } from '../../../src/relay/active-streams';
import { hookFormat, typeOfHookEvent } from '../../../src/relay/hook-format';
import { createReports } from '../../../src/relay/reports';
import { hookEvents } from '../../../src/relay/schemas';
import { aStream, fakeClient, keptEvents, keptLog } from './fakes';

const stored = ({ type, stream, reason, evidence, data }: EventDraft): StoredEvent => ({
  specversion: '1.0',
  id: '01KAKV76A2B4C6D8E0F2G4H6J8',
  time: '2026-11-29T12:00:00.000Z',
  source: '/mtxpilot/test/relay',
  type,
  subject: stream,
  datacontenttype: 'application/json',
  data: JSON.parse(JSON.stringify({ stream, reason, evidence, ...data })) as StoredEvent['data'],
});
const told = (event: EventDraft) => JSON.parse(hookFormat.body(stored(event), undefined)) as Record<string, unknown>;

/** One event of each kind, as the reports make them. */
function everyEvent(): readonly EventDraft[] {
  const { events, emit } = keptEvents();
  const reports = createReports({
    active: createActiveStreams(),
    streamOf: (id) => (id === aStream.id ? aStream : undefined),
    clientsOf: () => 1,
    emit,
    wantsClients: () => true,
    record: { provider_connect: () => undefined, failover: () => undefined },
    log: keptLog(),
  });
  const client = fakeClient({ bytes: 188 });
  const failure = { trigger: 'status', status: 404, retryAfterMs: undefined, reason: 'it answers 404' } as const;
  reports.streamStarted(aStream.id);
  reports.clientConnected(client);
  reports.failedOver({
    client,
    from: 0,
    to: 2,
    trigger: 'end',
    reason: 'it ended',
    byteGapMs: 22,
    pictureGapMs: undefined,
  });
  reports.clientFailed(client, failure);
  reports.clientDisconnected(client);
  reports.streamStopped(aStream.id, 'last client left');
  return events;
}

it('has the names and fields that receivers of m3u-proxy know', () => {
  expect(everyEvent().map(told)).toEqual(
    [
      [
        'stream_started',
        {
          primary_url: 'http://provider.example:8080/…',
          failover_urls: ['http://backup.example/…', 'https://third.example/…'],
          user_agent: 'VLC',
          stream_type: 'direct',
          metadata: { id: '5' },
        },
      ],
      [
        'client_connected',
        { client_id: 'c1', user_agent: 'player', ip_address: '192.0.2.7', username: null, stream_client_count: 1 },
      ],
      [
        'failover_triggered',
        {
          client_id: 'c1',
          old_url: 'http://provider.example:8080/…',
          new_url: 'https://third.example/…',
          failover_index: 1,
          attempt_number: 1,
          reason: 'it ended',
          trigger: 'end',
          client_count: 1,
          byte_gap_ms: 22,
          picture_gap_ms: null,
        },
      ],
      ['stream_failed', { client_id: 'c1', error: 'it answers 404', error_type: 'status', no_failover: false }],
      ['client_disconnected', { client_id: 'c1', bytes_served: 188, segments_served: 0 }],
      ['stream_stopped', { reason: 'last client left', total_bytes_served: 188 }],
    ].map(([event_type, data]) => ({
      event_id: '01KAKV76A2B4C6D8E0F2G4H6J8',
      event_type,
      stream_id: aStream.id,
      timestamp: '2026-11-29T12:00:00.000Z',
      data,
    })),
  );
});

it('has each of their names, for a type of its own', () => {
  expect(Object.keys(typeOfHookEvent).sort()).toEqual([...hookEvents].sort());
  expect(new Set(Object.values(typeOfHookEvent)).size).toBe(hookEvents.length);
});

it('tells events that they do not know by their own names', () => {
  expect(told({ type: 'agent.started', data: { version: '1' } })).toMatchObject({
    event_type: 'agent.started',
    data: { version: '1' },
  });
});
