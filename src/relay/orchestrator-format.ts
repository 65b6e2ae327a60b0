import * as z from 'zod/mini';
import type { EventFormat, StoredEvent } from '../events';
import { isRecord, parsedUrl } from '../wire';

/** What a template says of its streams: see `templates.ts`. */
const keyTypes = new Map([
  ['relay-id', 'content_id'],
  ['relay-infohash', 'infohash'],
]);
const longestId = 256;

/**
 * The events of acestream-orchestrator: `POST /events/stream_started`, whose answer names the stream in `id`, and `POST /events/stream_ended` with that name. What is told a
 * second time, because an answer was lost, replaces the first: `labels.stream_id` is the same. Nothing else than starts and ends is told.
 */
export const orchestratorFormat: EventFormat = {
  contentType: 'application/json',
  path: ({ type }) => (type === 'stream.started' ? '/events/stream_started' : '/events/stream_ended'),
  body: (event, streamId) => JSON.stringify(event.type === 'stream.started' ? started(event) : ended(event, streamId)),
  streamIdOf(answer) {
    const id = isRecord(answer) ? answer['id'] : undefined;
    return typeof id === 'string' && id !== '' && id.length <= longestId ? id : undefined;
  },
};

const textsOf = z.catch(z.record(z.string(), z.string()), {});

function started({ id, data }: StoredEvent): object {
  const { hostname = '', port = '', protocol } = parsedUrl(String(data['source'])) ?? {};
  const metadata = new Map(Object.entries(z.parse(textsOf, data['metadata'])));
  const [name = '', keyType] = [...keyTypes].find(([one]) => metadata.has(one)) ?? [];
  const key = metadata.get(name) ?? String(data['stream']);
  return {
    container_id: null,
    engine: { host: hostname, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) },
    stream: { key_type: keyType ?? 'url', key },
    session: { playback_session_id: id, stat_url: '', command_url: '', is_live: data['streamType'] === 'vod' ? 0 : 1 },
    labels: { source: 'hls_proxy', stream_mode: data['streamType'] === 'hls' ? 'HLS' : 'TS', stream_id: id },
  };
}

function ended({ data }: StoredEvent, streamId: string | undefined): object {
  return { container_id: null, stream_id: streamId ?? null, reason: data['reason'] ?? null };
}
