import { useEffect, useState } from 'preact/hooks';
import type { Now, RelayRow, RelayStreamList } from './api';
import type { Change } from './change-dialog';
import { counted, formatCount } from './format';
import { HlsCard } from './hls-card';
import { Icon } from './icon';
import { RelayPanel } from './relay-panel';
import { RowSkeleton } from './row-skeleton';
import { StateBadge } from './server-state';
import { sourceName } from './source-name';
import { Sparkline } from './sparkline';
import { useAsked } from './use-asked';
import { useNarrow } from './use-narrow';
import { VirtualList } from './virtual-list';

export interface RelayViewProps {
  readonly now: Now;
  readonly isLive: boolean;
  /** The id of the stream that is opened, from the address of the page. */
  readonly opened: string | undefined;
  readonly onOpen: (id: string | undefined) => void;
  readonly onChange: (change: Extract<Change, { readonly kind: 'failover' | 'settings' }>) => void;
}

const typingMs = 150;
const nothing = (): void => undefined;

/** The streams of all relays: which source they play, who plays them, and how their failovers went. */
export function RelayView({ now, isLive, opened, onOpen, onChange }: RelayViewProps) {
  const [words, setWords] = useState('');
  const [match, setMatch] = useState('');
  const isNarrow = useNarrow();
  useEffect(() => {
    const timer = setTimeout(() => setMatch(words.trim()), typingMs);
    return () => clearTimeout(timer);
  }, [words]);
  const query = new URLSearchParams({ limit: '1000', match });
  const { answer, lastError } = useAsked<RelayStreamList>(`/v1/relay/streams?${query.toString()}`, isLive);
  const streams = answer?.streams;
  const playing = streams?.filter(({ stream }) => stream.clients > 0).length ?? 0;
  const silent = answer?.relays.filter(({ problem }) => problem !== null) ?? [];

  return (
    <section aria-labelledby="relay-title" class={opened === undefined ? 'streams' : 'streams with-panel'}>
      <div class="view-head">
        <h2 id="relay-title">Relay</h2>
        <label class="search">
          <Icon name="search" />
          <span class="hidden">Search relay streams</span>
          <input
            type="search"
            placeholder="Part of a title or an id"
            maxLength={200}
            value={words}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </label>
        {answer?.relays.map(({ name, problem, accounts }) => (
          <span key={name} class="muted">
            <span class="mono">{name}</span>
            {problem === null ? accountsText(accounts) : ''}
          </span>
        ))}
        <span class="muted total" role="status">
          {answer !== undefined &&
            (match === ''
              ? `${counted(answer.total, 'stream')}, ${formatCount(playing)} playing`
              : `${formatCount(answer.total)} found`)}
        </span>
      </div>
      <div class="streams-split">
        <div class="card flush stream-list">
          {silent.map(({ name, problem }) => (
            <p key={name} class="notice warn" role="alert">
              <Icon name="warn" />
              <span>
                <b class="mono">{name}</b> is not in this list. {problem}
              </span>
            </p>
          ))}
          <div class="stream-row relay-row stream-head" aria-hidden="true">
            <span>Stream</span>
            <span>Source</span>
            <span class="number">Clients</span>
            <span class="number">Failovers</span>
            <span>Gaps</span>
          </div>
          {streams === undefined ? (
            lastError === undefined ? (
              <RowSkeleton what="relay streams" />
            ) : (
              <p class="empty" role="alert">
                {lastError}
              </p>
            )
          ) : streams.length === 0 ? (
            <p class="empty">
              {match !== ''
                ? `No stream has “${match}” in its title or id.`
                : silent.length > 0
                  ? 'No relay answers.'
                  : 'No relay has a stream. POST /streams of a relay makes one.'}
            </p>
          ) : (
            <VirtualList
              label="Relay streams"
              total={streams.length}
              rowHeight={isNarrow ? 64 : 44}
              resetKey={match}
              onLook={nothing}
              onOpen={(index) => onOpen(streams[index]?.stream.id)}
              row={(index) => <Row row={streams[index]} isOpened={opened === streams[index]?.stream.id} />}
            />
          )}
        </div>
        {opened !== undefined && (
          <RelayPanel
            key={opened}
            id={opened}
            now={now}
            isLive={isLive}
            onClose={() => onOpen(undefined)}
            onChange={onChange}
          />
        )}
      </div>
      <HlsCard isLive={isLive} streams={streams ?? []} onChange={onChange} />
    </section>
  );
}

/** More accounts than this are told by their number. */
const mostAccounts = 3;

function accountsText(accounts: RelayStreamList['relays'][number]['accounts']): string {
  if (accounts.length > mostAccounts) {
    const full = accounts.filter((one) => one.inUse + one.inUseElsewhere >= one.maxConnections).length;
    return ` · ${formatCount(accounts.length)} accounts, ${formatCount(full)} full`;
  }
  return accounts.map((one) => ` · ${one.name} ${one.inUse + one.inUseElsewhere}/${one.maxConnections}`).join('');
}

function Row({ row, isOpened }: { readonly row: RelayRow | undefined; readonly isOpened: boolean }) {
  if (row === undefined) return <span class="stream-row relay-row" />;
  const { id, title, clients, current, currentUrl, sources, failedSources, failovers, gapsMs } = row.stream;
  return (
    <span class={`stream-row relay-row ${isOpened ? 'opened' : ''}`}>
      <span class={title === null ? 'stream-name mono' : 'stream-name'}>{title ?? id}</span>
      <span class="stream-server">
        {current === null ? (
          <StateBadge tone="unknown" word={clients > 0 ? 'no source' : 'idle'} icon="stop" />
        ) : (
          <StateBadge tone={current === 0 ? 'ok' : 'drain'} word={sourceName(current)} icon="play" />
        )}
        {failedSources > 0 && <StateBadge tone="warn" word={`${failedSources} of ${sources} failed`} />}
        {currentUrl !== null && <span class="mono muted relay-url">{currentUrl}</span>}
      </span>
      <span class="number stream-viewers">
        {formatCount(clients)}
        <span class="phone-only">{clients === 1 ? ' client' : ' clients'}</span>
      </span>
      <span class="number stream-since">{formatCount(failovers)}</span>
      <span class="relay-gaps">
        <Sparkline gapsMs={gapsMs} />
      </span>
    </span>
  );
}
