import type { ServerResponse } from 'node:http';
import { type PlaceHolder, whoGoes } from '../wire';
import { respondProblem } from './problem';

export interface FeedPlacesOptions {
  /** Feeds at a time. */
  readonly most: number;
  /** How long a feed is safe; 60 s when left out. */
  readonly safeForMs?: number;
  /** A clock that never goes back, in milliseconds. Default: `performance.now`. */
  readonly nowMs?: () => number;
}

/** Places for answers that stay open as long as their client likes. */
export interface FeedPlaces {
  /**
   * Takes a place until the answer is closed. One address has half of the places at most. When there is none left, whoever has had one of them
   * for longest, and for more than a minute, gives it up: its client comes again, and nobody can keep all others out. When there is nobody
   * like that, the answer is 503, and false is returned.
   * @param address of the other end, as `addressKey` gives it; empty on the admin socket, which has places of its own.
   */
  admit(res: ServerResponse, address: string): boolean;
  readonly open: ReadonlySet<ServerResponse>;
}

interface Feed extends PlaceHolder {
  readonly res: ServerResponse;
}

export function createFeedPlaces(options: FeedPlacesOptions): FeedPlaces {
  const { most, safeForMs = 60_000, nowMs = () => performance.now() } = options;
  const mostPerAddress = Math.max(1, Math.floor(most / 2));
  const feeds = new Map<ServerResponse, Feed>();
  const open = new Set<ServerResponse>();

  function give(isOfUse: (feed: Feed) => boolean): boolean {
    const sinceMs = nowMs() - safeForMs;
    const leaving = whoGoes(feeds.values(), (feed) => isOfUse(feed) && feed.lastMs < sinceMs);
    if (leaving === undefined) return false;
    leave(leaving.res);
    leaving.res.destroy();
    return true;
  }

  function leave(res: ServerResponse): void {
    feeds.delete(res);
    open.delete(res);
  }

  return {
    open,
    admit(res, address) {
      const all = [...feeds.values()];
      const own = all.filter((feed) => feed.address === address).length;
      const overTcp = all.filter((feed) => feed.address !== '').length;
      const isFree =
        own < mostPerAddress
          ? address === '' || overTcp < most || give((feed) => feed.address !== '')
          : give((feed) => feed.address === address);
      if (!isFree) {
        const detail = 'No more can be open now; close one, try again later, or read the list instead.';
        const allowed = `${mostPerAddress} for one address, ${most} in all`;
        respondProblem(res, 'TooManyStreams', { detail, allowed }, ['retry-after', '10']);
        return false;
      }
      feeds.set(res, { res, address, hasAsked: true, lastMs: nowMs() });
      open.add(res);
      res.once('close', () => leave(res));
      return true;
    },
  };
}
