import type { Dispatcher } from 'undici';
import { playlistUris } from './playlist-uris';

/** One answer that a player got. */
export interface PlayerAnswer {
  readonly kind: 'master' | 'media' | 'segment';
  readonly stream: string;
  /** 0 when there was no answer at all. */
  readonly status: number;
  /** The server that HAProxy names in `x-mtx-server`; undefined when HAProxy answered itself. */
  readonly server: string | undefined;
  readonly startedMs: number;
  readonly endedMs: number;
}

export interface PlayerOptions {
  readonly viewersUrl: string;
  readonly stream: string;
  readonly connections: Dispatcher;
  /** Told of every answer, before the player goes on. */
  readonly onAnswer: (answer: PlayerAnswer) => void;
}

/** The requests of an HLS player on plain HTTP: it follows redirects and URIs, and keeps no cookies (MediaMTX's are for HTTPS). */
export interface Player {
  /** Fetches the master playlist anew. Resolves with its answer, after redirects. */
  load(): Promise<PlayerAnswer>;
  /** Fetches every media playlist, and what is new at its live end. Resolves with the first answer that is not 200, or undefined. */
  round(): Promise<PlayerAnswer | undefined>;
}

const maxRedirects = 3;
/** Players begin three target durations before the live end (RFC 8216, 6.3.3). */
const liveSegments = 3;

export function createPlayer({ viewersUrl, stream, connections, onAnswer }: PlayerOptions): Player {
  let playlists: readonly URL[] = [];
  const loaded = new Set<string>();

  async function get(kind: PlayerAnswer['kind'], url: URL) {
    const startedMs = Date.now();
    const { statusCode, headers, text } = await fetchText(url);
    const server = headers['x-mtx-server'];
    const answer: PlayerAnswer = {
      kind,
      stream,
      status: statusCode,
      server: typeof server === 'string' && server !== '<NOSRV>' ? server : undefined,
      startedMs,
      endedMs: Date.now(),
    };
    onAnswer(answer);
    const { location } = headers;
    return { answer, text, location: typeof location === 'string' ? location : undefined };
  }

  async function fetchText(url: URL) {
    try {
      const path = url.pathname + url.search;
      const { statusCode, headers, body } = await connections.request({ origin: url.origin, path, method: 'GET' });
      return { statusCode, headers, text: await body.text() };
    } catch {
      // No answer is an answer too: the caller counts it as failed.
      return { statusCode: 0, headers: {}, text: '' };
    }
  }

  return {
    async load() {
      let url = new URL(`/${stream}/index.m3u8`, viewersUrl);
      playlists = [];
      loaded.clear();
      for (let redirects = 0; ; redirects++) {
        const { answer, text, location } = await get('master', url);
        if (answer.status === 302 && location !== undefined && redirects < maxRedirects) {
          url = new URL(location, url);
          continue;
        }
        if (answer.status === 200) playlists = playlistUris(text).media.map((uri) => new URL(uri, url));
        return answer;
      }
    },
    async round() {
      for (const playlist of playlists) {
        const { answer, text } = await get('media', playlist);
        if (answer.status !== 200) return answer;
        const { init, media } = playlistUris(text);
        for (const uri of [...init, ...media.slice(-liveSegments)]) {
          if (loaded.has(uri)) continue;
          loaded.add(uri);
          const segment = await get('segment', new URL(uri, playlist));
          if (segment.answer.status !== 200) return segment.answer;
        }
      }
      return undefined;
    },
  };
}
