import { useEffect, useState } from 'preact/hooks';
import { ownValue } from '../src/wire/own-value';
import { ask, type Explanation, inPath, type Now, type Stream, type StreamRows } from './api';
import { counted, formatAge, formatCount } from './format';
import { Icon } from './icon';
import { Panel } from './panel';
import { Preview } from './preview';
import { StateBadge, type Tone } from './server-state';
import type { StreamsViewProps } from './streams-view';

export interface StreamPanelProps {
  readonly name: string;
  readonly now: Now;
  readonly onClose: () => void;
  readonly onChange: StreamsViewProps['onChange'];
}

const refreshMs = 2000;
const says: Readonly<Record<string, Tone>> = {
  live: 'ok',
  filler: 'drain',
  'not live': 'unknown',
  'no answer': 'warn',
};
const states: Readonly<Record<Explanation['state'], readonly [Tone, string]>> = {
  located: ['ok', 'located'],
  placed: ['drain', 'placed'],
  unknown: ['unknown', 'unknown'],
};

/** One stream: where it goes and why, what everybody says of it, and how it looks. */
export function StreamPanel({ name, now, onClose, onChange }: StreamPanelProps) {
  const [why, setWhy] = useState<Explanation | undefined>();
  const [stream, setStream] = useState<Stream | undefined>();
  const [lastError, setLastError] = useState('');
  useEffect(() => {
    const asking = new AbortController();
    const { signal } = asking;
    const read = async (): Promise<void> => {
      try {
        const [explanation, rows] = await Promise.all([
          ask<Explanation>(`/v1/streams/${inPath(name)}/why`, { signal }),
          ask<StreamRows>(`/ui/streams?match=${encodeURIComponent(name)}&limit=200`, { signal }),
        ]);
        setWhy(explanation);
        setStream(rows.streams.find((one) => one.name === name));
        setLastError('');
      } catch (error) {
        if (!signal.aborted) setLastError(error instanceof Error ? error.message : String(error));
      }
    };
    void read();
    const timer = setInterval(() => void read(), refreshMs);
    return () => {
      clearInterval(timer);
      asking.abort();
    };
  }, [name]);

  const subject: Stream = stream ?? {
    name,
    kind: 'mediamtx',
    holders: [],
    fillers: [],
    conflict: false,
    policy: 'auto',
    viewers: null,
    viewersPeak: null,
    move: null,
  };
  const isRelayed = (stream?.kind ?? why?.kind) === 'relay';
  const [tone, word] = states[why?.state ?? 'unknown'];
  const publisher = stream?.holders.find(({ pulled }) => !pulled) ?? stream?.holders[0];
  const copies = stream?.holders.filter((holder) => holder.pulled && holder !== publisher) ?? [];
  const fillers = stream?.fillers ?? [];
  return (
    <Panel title={name} isMono onClose={onClose}>
      {isRelayed ? <a href={`#/relay/${name}`}>What its relays do</a> : <Preview stream={name} />}

      <h4>Why</h4>
      {lastError !== '' && (
        <p class="notice" role="alert">
          <Icon name="warn" /> {lastError}
        </p>
      )}
      {/* In a box of its own: what takes another's place makes Preact move the elements after it, and a moved button loses the keyboard. */}
      <div>
        {why === undefined ? (
          <p class="muted">Asking…</p>
        ) : (
          <div class="why">
            <p class="why-rule">
              <StateBadge tone={tone} word={word} />
              {why.server !== null && <b class="mono">{why.server}</b>}
            </p>
            <p>{why.because}</p>
            <ul class="evidence">
              {why.evidence.map((one) => (
                <li key={one.server}>
                  <b class="mono">{one.server}</b>
                  <StateBadge tone={ownValue(says, one.says) ?? 'unknown'} word={one.says} />
                  <span class="muted">
                    {one.source ?? ''}
                    {one.ageMs !== null && ` ${formatAge(one.ageMs)} ago`}
                    {one.stale && ', stale'}
                    {one.path !== null && `, ${one.path}`}
                  </span>
                </li>
              ))}
            </ul>
            <h4>What happens next</h4>
            <ul class="next">
              {why.next.map((sentence) => (
                <li key={sentence}>{sentence}</li>
              ))}
            </ul>
          </div>
        )}
      </div>

      <h4>Facts</h4>
      <dl class="facts">
        <dt>Viewers</dt>
        <dd>
          {formatCount(stream?.viewers)}
          {(stream?.viewersPeak ?? 0) > 0 && <span class="muted"> peak {formatCount(stream?.viewersPeak)}</span>}{' '}
          <a href={`#/viewers/stream/${name}`}>who they are</a>
        </dd>
        <dt>Publisher</dt>
        <dd>
          {publisher === undefined
            ? fillers.length === 0
              ? 'nobody'
              : `away; ${fillers.join(', ')} ${fillers.length === 1 ? 'plays its' : 'play their'} filler`
            : `${publisher.sourceType ?? 'unknown'} on ${publisher.server}, ${publisher.tracks.join(' + ')}`}
        </dd>
        {copies.length > 0 && (
          <>
            <dt>Copies</dt>
            <dd>pulled by {copies.map(({ server }) => server).join(', ')}</dd>
          </>
        )}
        <dt>Other readers</dt>
        <dd>
          {publisher === undefined ? '–' : `${counted(publisher.readers, 'reader')} over RTSP, WebRTC and the like`}
        </dd>
        {stream !== undefined && stream.move !== null && (
          <>
            <dt>Moved</dt>
            <dd>
              to {stream.move.server} by {stream.move.operator}: {stream.move.reason}
            </dd>
          </>
        )}
      </dl>
      <div class="buttons">
        <button
          type="button"
          onClick={() => onChange({ kind: 'move', stream: subject })}
          disabled={now.servers.length === 0 || isRelayed}
        >
          <Icon name="move" /> Move…
        </button>
        {subject.move !== null && (
          <button type="button" onClick={() => onChange({ kind: 'clear-move', stream: subject })}>
            <Icon name="close" /> Clear the move
          </button>
        )}
      </div>
    </Panel>
  );
}
