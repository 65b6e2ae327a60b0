import { useEffect, useState } from 'preact/hooks';
import { ask, type Happened, type Now, type Sample } from './api';

/** Everything that comes by itself. */
export interface Feed {
  /** `loading`: nothing has come yet; `live`; `lost`: what is shown is old, and the page tries again and again. */
  readonly link: 'loading' | 'live' | 'lost';
  readonly now: Now | undefined;
  /** Oldest first. */
  readonly samples: readonly Sample[];
  /** Newest first; undefined before they were read. */
  readonly events: readonly Happened[] | undefined;
}

/** A snapshot comes every second; without one for so long, the agent hangs or the way to it is cut. */
const silenceMs = 6000;
const retryMs = 1000;
/** A page that nobody sees gives its connection back: a browser has six for one host. */
const hiddenForMs = 20_000;
const maxEvents = 500;
const hourMs = 3_600_000;
const maxSamples = 480;

/** Keeps the connection to the agent, over restarts of it. */
export function useFeed(): Feed {
  const [feed, setFeed] = useState<Feed>({ link: 'loading', now: undefined, samples: [], events: undefined });

  useEffect(() => {
    let source: EventSource | undefined;
    let silence: number | undefined;
    let retry: number | undefined;
    let hidden: number | undefined;
    let isFresh = false;

    const lose = (): void => {
      close();
      setFeed((before) => ({ ...before, link: before.link === 'loading' ? 'loading' : 'lost' }));
      setFeed((before) => (before.now === undefined ? { ...before, link: 'lost' } : before));
      retry = window.setTimeout(open, retryMs);
    };
    const close = (): void => {
      source?.close();
      source = undefined;
      window.clearTimeout(silence);
      window.clearTimeout(retry);
    };
    const expect = (): void => {
      window.clearTimeout(silence);
      silence = window.setTimeout(lose, silenceMs);
    };

    /** What was missed while there was no connection. */
    const catchUp = async (): Promise<void> => {
      const [history, list] = await Promise.allSettled([
        ask<{ samples: Sample[] }>('/ui/history?points=240'),
        ask<{ events: Happened[] }>('/v1/events?limit=200'),
      ]);
      setFeed((before) => ({
        ...before,
        samples: history.status === 'fulfilled' ? history.value.samples : before.samples,
        events: list.status === 'fulfilled' ? mergeEvents(list.value.events, before.events) : (before.events ?? []),
      }));
    };

    const open = (): void => {
      close();
      isFresh = true;
      const opened = new EventSource('/ui/feed');
      source = opened;
      expect();
      opened.addEventListener('now', ({ data }: MessageEvent<string>) => {
        expect();
        const now = JSON.parse(data) as Now;
        setFeed((before) => ({ ...before, link: 'live', now, samples: addSample(before.samples, now.latest) }));
        if (isFresh) void catchUp();
        isFresh = false;
      });
      opened.addEventListener('happened', ({ data }: MessageEvent<string>) => {
        const event = JSON.parse(data) as Happened;
        setFeed((before) => ({ ...before, events: mergeEvents([event], before.events) }));
      });
      opened.onerror = lose;
    };

    const onVisibility = (): void => {
      window.clearTimeout(hidden);
      if (document.hidden) hidden = window.setTimeout(close, hiddenForMs);
      else if (source === undefined) open();
    };

    open();
    document.addEventListener('visibilitychange', onVisibility);
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      window.clearTimeout(hidden);
      close();
    };
  }, []);

  return feed;
}

function addSample(samples: readonly Sample[], latest: Sample | null): readonly Sample[] {
  const last = samples.at(-1);
  if (latest === null || (last !== undefined && latest.atMs <= last.atMs)) return samples;
  const recent = samples.filter(({ atMs }) => atMs > latest.atMs - hourMs);
  return [...recent, latest].slice(-maxSamples);
}

/** Newest first, each once: ids ascend as text. */
function mergeEvents(more: readonly Happened[], known: readonly Happened[] = []): readonly Happened[] {
  const byId = new Map([...known, ...more].map((event) => [event.id, event]));
  return [...byId.values()].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, maxEvents);
}
