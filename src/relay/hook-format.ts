import type { EventFormat, EventType, StoredEvent } from '../events';
import type { hookEvents } from './schemas';

export type HookEvent = (typeof hookEvents)[number];

/** The types of events behind the names that users of m3u-proxy know. */
export const typeOfHookEvent: Readonly<Record<HookEvent, EventType>> = {
  stream_started: 'stream.started',
  stream_stopped: 'stream.ended',
  stream_failed: 'stream.failed',
  client_connected: 'viewer.joined',
  client_disconnected: 'viewer.left',
  failover_triggered: 'stream.failover',
};

/** m3u-proxy's body of an event: `{event_id, event_type, stream_id, timestamp, data}`. */
export const hookFormat: EventFormat = {
  contentType: 'application/json',
  body(event) {
    const eventType = nameOf(event.type);
    return JSON.stringify({
      event_id: event.id,
      event_type: eventType ?? event.type,
      stream_id: event.data['stream'],
      timestamp: event.time,
      data: eventType === undefined ? event.data : dataOf(eventType, event.data),
    });
  },
};

function nameOf(type: EventType): HookEvent | undefined {
  return (Object.keys(typeOfHookEvent) as HookEvent[]).find((name) => typeOfHookEvent[name] === type);
}

type Data = StoredEvent['data'];

/** The facts of our event under the names that they have there; what is not known is null. */
function dataOf(name: HookEvent, data: Data): Data {
  if (data['test'] === true) return { test: true, message: data['message'] };
  const facts = dataByName[name](data);
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, value ?? null]));
}

const dataByName: Readonly<Record<HookEvent, (data: Data) => Data>> = {
  stream_started: ({ source, backups, userAgent, streamType, metadata }) => ({
    primary_url: source,
    failover_urls: backups,
    user_agent: userAgent,
    stream_type: streamType === 'hls' ? 'hls' : 'direct',
    metadata,
  }),
  stream_stopped: ({ reason, bytes }) => ({ reason, total_bytes_served: bytes }),
  stream_failed: ({ client, reason, trigger, backups }) => ({
    client_id: client,
    error: reason,
    error_type: trigger,
    no_failover: backups === 0,
  }),
  client_connected: ({ client, userAgent, address, username, viewers }) => ({
    client_id: client,
    user_agent: userAgent,
    ip_address: address,
    username,
    stream_client_count: viewers,
  }),
  client_disconnected: ({ client, bytes, segments }) => ({
    client_id: client,
    bytes_served: bytes,
    segments_served: segments ?? 0,
  }),
  failover_triggered: ({
    client,
    from,
    to,
    toIndex,
    failovers,
    reason,
    trigger,
    viewers,
    byteGapMs,
    pictureGapMs,
  }) => ({
    client_id: client,
    old_url: from,
    new_url: to,
    failover_index: typeof toIndex === 'number' ? Math.max(0, toIndex - 1) : 0,
    attempt_number: failovers,
    reason,
    trigger,
    client_count: viewers,
    byte_gap_ms: byteGapMs,
    picture_gap_ms: pictureGapMs,
  }),
};
