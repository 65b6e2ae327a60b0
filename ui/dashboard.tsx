import { type ComponentChildren, render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Change, ChangeDialog } from './change-dialog';
import { EventsView } from './events-view';
import { FleetView } from './fleet-view';
import { formatClock } from './format';
import { Icon, type IconName } from './icon';
import { Overview } from './overview';
import { RelayView } from './relay-view';
import { StreamsView } from './streams-view';
import { type Feed, useFeed } from './use-feed';
import { useOperator } from './use-operator';
import { type Theme, useTheme } from './use-theme';
import { type ViewersOf, ViewersView } from './viewers-view';

const views: readonly (readonly [path: string, label: string, icon: IconName])[] = [
  ['', 'Overview', 'overview'],
  ['fleet', 'Fleet', 'fleet'],
  ['streams', 'Streams', 'streams'],
  ['relay', 'Relay', 'relay'],
  ['viewers', 'Viewers', 'eye'],
  ['events', 'Events', 'events'],
];
const themes: Readonly<Record<Theme, readonly [IconName, string]>> = {
  auto: ['auto', 'same as the system'],
  light: ['sun', 'light'],
  dark: ['moon', 'dark'],
};
const noticeMs = 6000;

function App() {
  const feed = useFeed();
  const operator = useOperator();
  const [theme, nextTheme] = useTheme();
  const [place, go] = usePlace();
  const [change, setChange] = useState<Change | undefined>();
  const [notice, setNotice] = useState('');
  const { link, now } = feed;

  useEffect(() => {
    if (notice === '') return;
    const timer = setTimeout(() => setNotice(''), noticeMs);
    return () => clearTimeout(timer);
  }, [notice]);
  useEffect(() => {
    const label = views.find(([path]) => path === place.view)?.[1] ?? '';
    document.title = `${link === 'lost' ? '⚠ ' : ''}${label} · mtxpilot`;
  }, [place.view, link]);

  // Where there is no relay there is nothing to see of one.
  const shown = views.filter(([path]) => path !== 'relay' || (now?.relays ?? 0) > 0 || place.view === 'relay');
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="top">
        <h1>
          <a class="brand" href="#/">
            <img src="/ui/icon.svg" alt="" width="24" height="24" />
            mtxpilot
          </a>
        </h1>
        <nav aria-label="Views">
          {shown.map(([path, label, icon]) => (
            <a key={path} href={`#/${path}`} aria-current={place.view === path ? 'page' : undefined}>
              <Icon name={icon} />
              {label}
            </a>
          ))}
        </nav>
        <span class={`link ${link}`} role="status">
          <i />
          {link === 'live' ? 'Live' : link === 'loading' ? 'Connecting…' : 'Reconnecting…'}
        </span>
        <button
          type="button"
          class="quiet"
          onClick={() => setChange({ kind: 'token' })}
          disabled={now === undefined}
          title={operator.token === undefined ? 'Changes need a token' : 'Changes are allowed'}
        >
          <Icon name={operator.token === undefined ? 'lock' : 'key'} />
          <span class="wide-only">{operator.token === undefined ? 'Read only' : 'Token set'}</span>
          <span class="hidden">: set or forget the token</span>
        </button>
        <button type="button" class="quiet" onClick={nextTheme} title={`Colours: ${themes[theme][1]}`}>
          <Icon name={themes[theme][0]} />
          <span class="hidden">Colours: {themes[theme][1]}</span>
        </button>
      </header>
      <Banners link={link} now={now} />
      <main id="main" class={link === 'lost' ? 'old' : ''} tabIndex={-1}>
        {now === undefined ? (
          link === 'lost' ? (
            <p class="empty">Nothing is known yet.</p>
          ) : (
            <Loading />
          )
        ) : place.view === 'fleet' ? (
          <FleetView now={now} onChange={(kind, server) => setChange({ kind, server })} />
        ) : place.view === 'streams' ? (
          <StreamsView
            now={now}
            isLive={link === 'live'}
            opened={place.stream}
            onOpen={(stream) => go(stream === undefined ? 'streams' : `streams/${stream}`)}
            onChange={setChange}
          />
        ) : place.view === 'relay' ? (
          <RelayView
            now={now}
            isLive={link === 'live'}
            opened={place.relayStream}
            onOpen={(id) => go(id === undefined ? 'relay' : `relay/${id}`)}
            onChange={setChange}
          />
        ) : place.view === 'viewers' ? (
          <ViewersView
            now={now}
            isLive={link === 'live'}
            of={place.viewersOf}
            onPick={({ server }) => go(server === undefined ? 'viewers' : `viewers/server/${server}`)}
          />
        ) : place.view === 'events' ? (
          <EventsView feed={feed} />
        ) : (
          <Overview feed={feed} now={now} />
        )}
      </main>
      <footer class="muted">
        {now !== undefined &&
          `mtxpilot ${now.version} · agent running since ${new Date(now.startedAt).toLocaleString('en-GB')}`}
      </footer>
      {change !== undefined && now !== undefined && (
        <ChangeDialog
          change={change}
          now={now}
          operator={operator}
          onClose={() => setChange(undefined)}
          onDone={(message) => {
            setChange(undefined);
            setNotice(message);
          }}
        />
      )}
      <p class={notice === '' ? 'toast' : 'toast shown'} role="status">
        {notice}
      </p>
    </>
  );
}

/** What is wrong with the agent itself, on every view. */
function Banners({ link, now }: Pick<Feed, 'link' | 'now'>) {
  if (link === 'lost') {
    return (
      <div class="banners">
        <Banner title="The agent does not answer.">
          HAProxy keeps serving without it. {now !== undefined && `What you see is from ${formatClock(now.time)}. `}
          Retrying every second…
        </Banner>
      </div>
    );
  }
  const { failure = null, damage = null } = now?.store ?? {};
  return (
    <div class="banners">
      {failure !== null && (
        <Banner title="The store keeps nothing.">
          {sentence(failure)} Orders are refused, and events wait in memory. Viewers are served as before.
        </Banner>
      )}
      {damage !== null && (
        <Banner title="The store was damaged when the agent started.">
          {sentence(damage)} Check the desired state of each server. This notice disappears at the next start.
        </Banner>
      )}
    </div>
  );
}

function Banner({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <div class="banner" role="alert">
      <Icon name="warn" />
      <p>
        <b>{title}</b> {children}
      </p>
    </div>
  );
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

function Loading() {
  return (
    <div class="tiles" role="status">
      <span class="hidden">Connecting to the agent…</span>
      {[1, 2, 3, 4].map((number) => (
        <div key={number} class="card tile">
          <span class="ghost" />
          <span class="ghost tall" />
        </div>
      ))}
    </div>
  );
}

interface Place {
  readonly view: string;
  readonly stream: string | undefined;
  readonly relayStream: string | undefined;
  readonly viewersOf: ViewersOf;
}

/** Where the page is, kept behind the `#` of its address, so that a link leads to the same view. */
function usePlace(): readonly [Place, (path: string) => void] {
  const [place, setPlace] = useState(readPlace);
  useEffect(() => {
    const listen = (): void => setPlace(readPlace());
    addEventListener('hashchange', listen);
    return () => removeEventListener('hashchange', listen);
  }, []);
  return [
    place,
    (path) => {
      location.hash = `#/${path}`;
    },
  ];
}

function readPlace(): Place {
  const [view = '', ...rest] = location.hash.replace(/^#\/?/, '').split('/');
  const stream = rest.join('/');
  const known = views.some(([path]) => path === view);
  const [kind, ...words] = rest;
  const name = words.join('/');
  return {
    view: known ? view : '',
    stream: view === 'streams' && stream !== '' ? stream : undefined,
    relayStream: view === 'relay' && stream !== '' ? stream : undefined,
    viewersOf: name === '' ? {} : kind === 'stream' ? { stream: name } : kind === 'server' ? { server: name } : {},
  };
}

const root = document.getElementById('app');
if (root !== null) {
  root.replaceChildren();
  render(<App />, root);
}
