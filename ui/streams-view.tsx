import { useEffect, useState } from 'preact/hooks';
import type { IntentKind, Now, Stream } from './api';
import type { Change } from './change-dialog';
import { counted, formatAge, formatCount, formatSince } from './format';
import { Icon } from './icon';
import { RowSkeleton } from './row-skeleton';
import { StateBadge } from './server-state';
import { StreamPanel } from './stream-panel';
import { useNarrow } from './use-narrow';
import { type StreamQuery, useStreamRows } from './use-stream-rows';
import { VirtualList } from './virtual-list';

export interface StreamsViewProps {
  readonly now: Now;
  readonly isLive: boolean;
  /** The stream that is opened, from the address of the page. */
  readonly opened: string | undefined;
  readonly onOpen: (stream: string | undefined) => void;
  readonly onChange: (change: Exclude<Change, { readonly kind: IntentKind | 'failover' | 'token' }>) => void;
}

const sorts: readonly (readonly [StreamQuery['sort'], string])[] = [
  ['name', 'Name'],
  ['viewers', 'Most viewers'],
  ['newest', 'Newest publisher'],
];
const typingMs = 150;

/** Every live stream: search, sort, who has it, who watches, how old the evidence is. */
export function StreamsView({ now, isLive, opened, onOpen, onChange }: StreamsViewProps) {
  const [words, setWords] = useState('');
  const [query, setQuery] = useState<StreamQuery>({ match: '', sort: 'name' });
  const isNarrow = useNarrow();
  useEffect(() => {
    const timer = setTimeout(() => setQuery((before) => ({ ...before, match: words.trim() })), typingMs);
    return () => clearTimeout(timer);
  }, [words]);
  const { total, row, look, lastError } = useStreamRows(query, isLive);
  const nowMs = Date.parse(now.time);

  return (
    <section aria-labelledby="streams-title" class={opened === undefined ? 'streams' : 'streams with-panel'}>
      <div class="view-head">
        <h2 id="streams-title">Streams</h2>
        <label class="search">
          <Icon name="search" />
          <span class="hidden">Search streams</span>
          <input
            type="search"
            placeholder="Part of a name"
            maxLength={200}
            value={words}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </label>
        <label class="sort">
          <span class="muted">Sort</span>
          <select
            aria-label="Sort"
            value={query.sort}
            onChange={(event) => {
              const sort = sorts.find(([key]) => key === event.currentTarget.value)?.[0] ?? 'name';
              setQuery((before) => ({ ...before, sort }));
            }}
          >
            {sorts.map(([key, label]) => (
              <option key={key} value={key}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <span class="muted total" role="status">
          {total === undefined ? '' : query.match === '' ? counted(total, 'stream') : `${formatCount(total)} found`}
        </span>
      </div>
      <div class="streams-split">
        <div class="card flush stream-list">
          <div class="stream-row stream-head" aria-hidden="true">
            <span>Stream</span>
            <span>Server</span>
            <span class="number">Viewers</span>
            <span class="number">Live for</span>
            <span class="number">Evidence</span>
          </div>
          {lastError !== undefined && total === undefined ? (
            <p class="empty" role="alert">
              {lastError}
            </p>
          ) : total === undefined ? (
            <RowSkeleton what="streams" />
          ) : total === 0 ? (
            <p class="empty">
              {query.match !== ''
                ? `No live stream has “${query.match}” in its name.`
                : now.hasEvidence
                  ? 'No stream is live. One appears here as soon as somebody publishes to a server.'
                  : 'No server has listed its streams yet: the fleet shows what their Control APIs say.'}
            </p>
          ) : (
            <VirtualList
              label="Streams"
              total={total}
              rowHeight={isNarrow ? 64 : 44}
              resetKey={`${query.sort} ${query.match}`}
              onLook={look}
              onOpen={(index) => onOpen(row(index)?.name)}
              row={(index) => <Row stream={row(index)} isOpened={opened === row(index)?.name} nowMs={nowMs} />}
            />
          )}
        </div>
        {opened !== undefined && (
          <StreamPanel key={opened} name={opened} now={now} onClose={() => onOpen(undefined)} onChange={onChange} />
        )}
      </div>
    </section>
  );
}

interface RowProps {
  readonly stream: Stream | undefined;
  readonly isOpened: boolean;
  readonly nowMs: number;
}

function Row({ stream, isOpened, nowMs }: RowProps) {
  if (stream === undefined) {
    return (
      <span class="stream-row">
        <span class="ghost" />
      </span>
    );
  }
  const [chosen, ...others] = stream.holders;
  const [filler] = stream.fillers;
  const { move, conflict } = stream;
  return (
    <span class={`stream-row ${isOpened ? 'opened' : ''}`}>
      <span class="stream-name mono">{stream.name}</span>
      <span class="stream-server">
        {chosen === undefined && filler !== undefined ? (
          <>
            <span class="mono">{move?.server ?? filler}</span>
            <StateBadge tone="drain" word="filler" />
          </>
        ) : chosen === undefined ? (
          <StateBadge tone="unknown" word="gone" icon="ended" />
        ) : (
          <span class="mono">{move?.server ?? chosen.server}</span>
        )}
        {others.length > 0 && !conflict && <small class="muted">+{others.length}</small>}
        {move !== null && <StateBadge tone="drain" word="moved" icon="hand" />}
        {conflict && <StateBadge tone="warn" word="conflict" />}
        {chosen?.evidence.stale === true && <StateBadge tone="warn" word="stale" />}
      </span>
      <span class="number stream-viewers">
        {formatCount(stream.viewers)}
        <span class="phone-only"> viewers</span>
      </span>
      <span class="number stream-since">{formatSince(chosen?.publisherSince, nowMs)}</span>
      <span class="number stream-age">{formatAge(chosen?.evidence.ageMs)}</span>
    </span>
  );
}
