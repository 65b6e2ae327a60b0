import { useState } from 'preact/hooks';
import { EventRow } from './event-row';
import { Icon } from './icon';
import type { Feed } from './use-feed';

const kinds = [
  ['', 'All'],
  ['stream.', 'Streams'],
  ['server.', 'Servers'],
  ['viewer.', 'Viewers'],
  ['a', 'Agent'],
] as const;

/** What happened, newest first, as it happens. */
export function EventsView({ feed }: { readonly feed: Feed }) {
  const [kind, setKind] = useState<string>('');
  const [words, setWords] = useState('');
  const { events } = feed;
  const wanted = words.trim().toLowerCase();
  const shown = (events ?? []).filter(
    ({ type, subject, data }) =>
      (kind === 'a' ? /^(agent|haproxy)\./.test(type) : type.startsWith(kind)) &&
      `${type} ${subject ?? ''} ${JSON.stringify(data)}`.toLowerCase().includes(wanted),
  );
  return (
    <section aria-labelledby="events-title">
      <div class="view-head">
        <h2 id="events-title">Events</h2>
        <label class="search">
          <Icon name="search" />
          <span class="hidden">Filter events</span>
          <input
            type="search"
            placeholder="Stream, server, reason"
            value={words}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </label>
        <div class="choices" role="group" aria-label="Kind of event">
          {kinds.map(([value, label]) => (
            <button key={value} type="button" aria-pressed={kind === value} onClick={() => setKind(value)}>
              {label}
            </button>
          ))}
        </div>
      </div>
      <div class="card flush">
        {events === undefined ? (
          <p class="empty">Reading events…</p>
        ) : shown.length === 0 ? (
          <p class="empty">
            {events.length === 0
              ? 'Nothing has happened yet. Streams that start, end and move appear here at once.'
              : 'No event matches this filter.'}
          </p>
        ) : (
          <ol class="events" aria-live="off">
            {shown.map((event) => (
              <EventRow key={event.id} event={event} />
            ))}
          </ol>
        )}
      </div>
      <p class="muted footnote">
        These are the newest {events?.length ?? 0}; programs can read all of them from{' '}
        <a href="/v1/events">/v1/events</a>.
      </p>
    </section>
  );
}
