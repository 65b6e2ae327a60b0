import type { Now, RelayStream, RelayWhy } from './api';
import { counted, formatAge, formatBytes, formatClock, formatCount, formatTook } from './format';
import { Icon } from './icon';
import { Panel } from './panel';
import type { RelayViewProps } from './relay-view';
import { type State, StateBadge } from './server-state';
import { sourceName } from './source-name';
import { Sparkline } from './sparkline';
import { useAsked } from './use-asked';

export interface RelayPanelProps extends Pick<RelayViewProps, 'onChange'> {
  readonly id: string;
  readonly now: Now;
  readonly isLive: boolean;
  readonly onClose: () => void;
}

type Failover = RelayWhy['recentFailovers'][number];

const states: Readonly<Record<RelayWhy['sources'][number]['state'], State>> = {
  playing: { tone: 'ok', word: 'playing' },
  standby: { tone: 'drain', word: 'standby' },
  failed: { tone: 'bad', word: 'failed' },
  ok: { tone: 'unknown', word: 'not in use' },
};
const mostPlayers = 10;

/** One stream of relays: its sources in order, who plays it, what happened, and what comes next. */
export function RelayPanel({ id, now, isLive, onClose, onChange }: RelayPanelProps) {
  const { answer: stream, lastError } = useAsked<RelayStream>(`/v1/relay/streams/${encodeURIComponent(id)}`, isLive);
  const hasBackup = stream?.relays.some(({ why }) => (why?.sources.length ?? 0) > 1) ?? false;

  return (
    <Panel title={stream?.title ?? <span class="mono">{id}</span>} onClose={onClose}>
      <div class="buttons">
        <button
          type="button"
          disabled={stream === undefined || !hasBackup}
          onClick={() => {
            if (stream !== undefined) onChange({ kind: 'failover', stream });
          }}
        >
          <Icon name="move" /> Fail over…
        </button>
        <a class="button-like" href={`#/streams/${id}`}>
          Where viewers go
        </a>
      </div>
      {lastError !== undefined && (
        <p class="notice warn" role="alert">
          <Icon name="warn" /> {lastError}
        </p>
      )}
      {/* In a box of its own: what takes another's place makes Preact move the elements after it, and a moved button loses the keyboard. */}
      <div>
        {stream === undefined ? (
          <p class="muted">Asking…</p>
        ) : (
          <>
            {stream.relays.map(({ name, problem, why }) => (
              <section key={name} aria-label={name}>
                <h4>
                  On <span class="mono">{name}</span>
                </h4>
                {why === null ? (
                  <p class="muted">{problem ?? 'It has no such stream.'}</p>
                ) : (
                  <OnRelay why={why} nowMs={Date.parse(now.time)} />
                )}
              </section>
            ))}
            <p class="muted footnote">
              {counted(stream.clients, 'client')}, {formatBytes(stream.bytes)} sent,{' '}
              {counted(stream.failovers, 'failover')} since the relays started. Id <span class="mono">{id}</span>
            </p>
          </>
        )}
      </div>
    </Panel>
  );
}

function OnRelay({ why, nowMs }: { readonly why: RelayWhy; readonly nowMs: number }) {
  const { sources, accounts, recentFailovers, players, next } = why;
  return (
    <>
      <ol class="sources" aria-label="Sources in the order in which they are tried">
        {sources.map(({ index, url, state, clients, account, lastFailure, retryInMs }) => (
          <li key={index}>
            <b>{sourceName(index)}</b>
            <StateBadge
              tone={states[state].tone}
              word={state === 'playing' ? counted(clients, 'client') : states[state].word}
              {...(state === 'playing' ? { icon: 'play' as const } : state === 'ok' ? { icon: 'stop' as const } : {})}
            />
            <span class="mono source-url">{url}</span>
            <span class="muted source-note">
              {account !== null && `account ${account}. `}
              {lastFailure !== null && `${lastFailure.reason} `}
              {retryInMs > 0 && `Left alone for ${formatAge(retryInMs)} more.`}
              {retryInMs === 0 && state === 'failed' && 'It may be tried again.'}
            </span>
          </li>
        ))}
      </ol>
      {accounts.map(({ name, inUse, inUseElsewhere, maxConnections, waiting }) => (
        <p key={name} class="muted">
          Account {name}: {inUse + inUseElsewhere} of {counted(maxConnections, 'connection')} in use
          {inUseElsewhere > 0 && `, ${formatCount(inUseElsewhere)} by other relays`}
          {waiting > 0 && `, ${formatCount(waiting)} waiting`}
        </p>
      ))}
      {next !== null && (
        <>
          <h4>What is tried next</h4>
          <p>
            <b>{sourceName(next.index)}</b>
            {next.inMs > 0 && ` in ${formatAge(next.inMs)}`}. {next.because}
          </p>
        </>
      )}
      <h4>Failovers</h4>
      {recentFailovers.length === 0 ? (
        <p class="muted">None since this relay started.</p>
      ) : (
        <>
          <Sparkline gapsMs={recentFailovers.map(({ byteGapMs }) => byteGapMs).reverse()} />
          <ul class="failovers">
            {recentFailovers.map(({ time, trigger, reason, byteGapMs, pictureGapMs, clients, ...way }) => (
              <li key={`${time} ${way.from ?? ''} ${way.to ?? ''} ${trigger}`}>
                <time dateTime={time} title={`${formatAge(nowMs - Date.parse(time))} ago`}>
                  {formatClock(time)}
                </time>
                <span>
                  {wayText(way)}
                  <small class="muted">
                    {' '}
                    {trigger}: {reason}
                  </small>
                </span>
                <span class="muted">
                  {counted(clients, 'client')}, bytes {formatTook(byteGapMs)}
                  {pictureGapMs !== null && `, picture ${formatTook(pictureGapMs)}`}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {players.length > 0 && (
        <>
          <h4>Clients</h4>
          <ul class="failovers">
            {players.slice(0, mostPlayers).map(({ id, address, username, userAgent, source, card, bytes, since }) => (
              <li key={id}>
                <time dateTime={since}>{formatClock(since)}</time>
                <span>
                  <span class="mono">{username ?? address}</span> <small class="muted">{userAgent}</small>
                </span>
                <span class="muted">
                  {card === null ? (source === null ? 'no source' : sourceName(source)) : `card “${card}”`},{' '}
                  {formatBytes(bytes)}
                </span>
              </li>
            ))}
          </ul>
          {why.clients > mostPlayers && <p class="muted footnote">and {formatCount(why.clients - mostPlayers)} more</p>}
        </>
      )}
    </>
  );
}

/** What is no source is told by how it is shown. */
function wayText({ from, to, fromUrl, toUrl }: Pick<Failover, 'from' | 'to' | 'fromUrl' | 'toUrl'>): string {
  const name = (place: number | null, url: string | null): string =>
    place === null ? (url ?? 'no source') : sourceName(place);
  return from !== null && from === to ? `${sourceName(from)} again` : `${name(from, fromUrl)} → ${name(to, toUrl)}`;
}
