import { useEffect, useState } from 'preact/hooks';
import { ask, type Now, type Viewer, type ViewerList } from './api';
import { counted, formatAge, formatBytes, formatClock, formatCount, unknownText } from './format';
import { Icon } from './icon';
import { StateBadge } from './server-state';

/** Whose viewers are listed; both undefined: everybody's. */
export interface ViewersOf {
  readonly stream?: string | undefined;
  readonly server?: string | undefined;
}

export interface ViewersViewProps {
  readonly now: Now;
  readonly isLive: boolean;
  readonly of: ViewersOf;
  readonly onPick: (of: ViewersOf) => void;
}

const pageSize = 50;
const refreshMs = 2000;
const ways: Readonly<Record<keyof ViewerList['readers'], string>> = {
  rtsp: 'RTSP',
  rtmp: 'RTMP',
  srt: 'SRT',
  webrtc: 'WebRTC',
  other: 'other ways',
};

/** Who is watching: a page of viewers at a time, of everything, a stream or a server. */
export function ViewersView({ now, isLive, of, onPick }: ViewersViewProps) {
  const { stream, server } = of;
  const ofWhat = `${stream ?? ''} ${server ?? ''}`;
  /** Cursors of the pages up to the one that is shown. */
  const [pages, setPages] = useState<{ readonly ofWhat: string; readonly cursors: readonly string[] }>();
  const cursors = pages?.ofWhat === ofWhat ? pages.cursors : [''];
  const turnTo = (to: readonly string[]): void => setPages({ ofWhat, cursors: to });
  const { list, lastError } = useViewers(of, cursors.at(-1) ?? '', isLive);
  const count = stream !== undefined ? list?.streams[0] : server !== undefined ? list?.servers[0] : list?.total;
  const readers = Object.entries(list?.readers ?? {}).filter(([, number]) => number > 0);
  const servers = now.servers.map(({ name }) => name);
  const next = list?.next ?? undefined;

  return (
    <section aria-labelledby="viewers-title">
      <div class="view-head">
        <h2 id="viewers-title">Viewers</h2>
        {stream !== undefined && (
          <button type="button" onClick={() => onPick({})}>
            of <span class="mono viewers-of">{stream}</span> <Icon name="close" />
            <span class="hidden">Show those of all streams</span>
          </button>
        )}
        {stream === undefined && (
          <label class="sort">
            <span class="muted">Server</span>
            <select
              aria-label="Server"
              value={server ?? ''}
              onChange={(event) => onPick(pickOf(event.currentTarget.value))}
            >
              <option value="">All</option>
              {(server === undefined || servers.includes(server) ? servers : [...servers, server]).map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
        <span class="muted total" role="status">
          {list !== undefined && `${counted(count?.viewers ?? 0, 'viewer')} now, peak ${formatCount(count?.peak ?? 0)}`}
        </span>
      </div>
      {readers.length > 0 && (
        <p class="muted readers">
          Not included, since they bypass HAProxy:{' '}
          {readers.map(([way, number]) => `${formatCount(number)} by ${ways[way as keyof typeof ways]}`).join(', ')}
        </p>
      )}
      <div class="card flush">
        {list === undefined ? (
          <p class="empty" role={lastError === undefined ? 'status' : 'alert'}>
            {lastError ?? 'Reading viewers…'}
          </p>
        ) : list.viewers.length === 0 ? (
          <p class="empty">
            {list.nodes.length === 0
              ? 'No HAProxy has reported any viewers yet. Its peers section must name the agent: see docs/viewers.md.'
              : cursors.length > 1
                ? 'The viewers of this page have left.'
                : 'Nobody is watching.'}
          </p>
        ) : (
          <div class="table-box" role="region" aria-label="Table of viewers" tabIndex={0}>
            <table class="viewers">
              <thead>
                <tr>
                  {stream === undefined && <th scope="col">Stream</th>}
                  <th scope="col">Session</th>
                  <th scope="col">Server</th>
                  <th scope="col">HAProxy</th>
                  <th scope="col">Joined</th>
                  <th scope="col">Last seen</th>
                  <th scope="col">Watched</th>
                  <th scope="col">Sent</th>
                </tr>
              </thead>
              <tbody>
                {list.viewers.map((viewer) => (
                  <Row
                    key={`${viewer.stream}|${viewer.session}`}
                    viewer={viewer}
                    nowMs={Date.parse(now.time)}
                    hasStream={stream === undefined}
                  />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
      {(next !== undefined || cursors.length > 1) && (
        <div class="buttons pages">
          <button type="button" disabled={cursors.length === 1} onClick={() => turnTo(cursors.slice(0, -1))}>
            Previous
          </button>
          <span class="muted">page {formatCount(cursors.length)}</span>
          <button
            type="button"
            disabled={next === undefined}
            onClick={() => next !== undefined && turnTo([...cursors, next])}
          >
            Next
          </button>
        </div>
      )}
    </section>
  );
}

interface RowProps {
  readonly viewer: Viewer;
  readonly nowMs: number;
  readonly hasStream: boolean;
}

function Row({ viewer, nowMs, hasStream }: RowProps) {
  const { stream, session, server, node, joined, lastSeen, watchedSeconds, bytes, certain } = viewer;
  return (
    <tr>
      {hasStream && (
        <td class="mono">
          <a href={`#/streams/${stream}`}>{stream}</a>
        </td>
      )}
      <th scope="row" class="mono">
        {session}
      </th>
      <td class="mono">{server ?? unknownText}</td>
      <td>
        <span class="mono">{node}</span> {!certain && <StateBadge tone="warn" word="not heard" />}
      </td>
      <td>
        <time dateTime={joined}>{formatClock(joined)}</time>
      </td>
      <td class="number">{formatAge(nowMs - Date.parse(lastSeen))} ago</td>
      <td class="number">{formatAge(watchedSeconds * 1000)}</td>
      <td class="number">{formatBytes(bytes)}</td>
    </tr>
  );
}

function pickOf(server: string): ViewersOf {
  return server === '' ? {} : { server };
}

/** One page of the list, read again and again. */
function useViewers(
  { stream, server }: ViewersOf,
  cursor: string,
  isLive: boolean,
): { readonly list: ViewerList | undefined; readonly lastError: string | undefined } {
  const ofWhat = `${stream ?? ''} ${server ?? ''}`;
  const [state, setState] = useState<{ ofWhat?: string; list?: ViewerList; lastError?: string }>({});
  useEffect(() => {
    if (!isLive) return;
    const asking = new AbortController();
    const query = new URLSearchParams({ limit: String(pageSize), cursor });
    if (stream !== undefined) query.set('stream', stream);
    if (server !== undefined) query.set('server', server);
    const read = async (): Promise<void> => {
      try {
        const list = await ask<ViewerList>(`/v1/viewers?${query.toString()}`, { signal: asking.signal });
        setState({ ofWhat, list });
      } catch (error) {
        if (asking.signal.aborted) return;
        const lastError = error instanceof Error ? error.message : String(error);
        setState((before) => ({ ...before, lastError }));
      }
    };
    void read();
    const timer = setInterval(() => void read(), refreshMs);
    return () => {
      clearInterval(timer);
      asking.abort();
    };
  }, [stream, server, ofWhat, cursor, isLive]);
  return { list: state.ofWhat === ofWhat ? state.list : undefined, lastError: state.lastError };
}
