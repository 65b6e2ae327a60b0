import { Agent, type Dispatcher } from 'undici';

/** One answer that a player got. */
export interface Answer {
  readonly kind: 'master' | 'media' | 'init' | 'segment';
  readonly path: string;
  readonly status: number;
  /** The stand-in that answered, by its own word; undefined when HAProxy answered itself. */
  readonly server: string | undefined;
  readonly tookMs: number;
}

export interface PlayerOptions {
  /** HAProxy's URL. */
  readonly url: string;
  readonly stream: string;
  /** Connections; shared between players where a test wants them shuffled. */
  readonly connections: Dispatcher;
  /** As a browser behind TLS does; without it as a browser on plain HTTP, which drops MediaMTX's Secure cookies. */
  readonly keepsCookies?: boolean;
  /** As a browser does: what was sent on a kept connection just when the other side closed it is sent again, once. Default false. */
  readonly sendsAgain?: boolean;
}

/** What a HLS player asks for, in its order; every answer is kept. */
export interface Player {
  readonly stream: string;
  readonly answers: readonly Answer[];
  /** How many requests were sent again. */
  readonly sentAgain: number;
  /** Fetches the master playlist, redirect included. Resolves with the final status. */
  load(): Promise<number>;
  /** Fetches every media playlist and whatever is new in it. Resolves with the worst status. */
  round(): Promise<number>;
}

/** Connections of one client address, so that players look like different machines; `count` keep-alive connections. */
export function connectionsFrom(localAddress: string | undefined, count = 4): Agent {
  return new Agent({ connections: count, pipelining: 1, ...(localAddress === undefined ? {} : { localAddress }) });
}

export function createPlayer(options: PlayerOptions): Player {
  const answers: Answer[] = [];
  const seen = new Set<string>();
  const cookies = new Map<string, string>();
  let playlists: URL[] = [];
  let sentAgain = 0;

  async function send(request: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData> {
    try {
      return await options.connections.request(request);
    } catch (error) {
      if (options.sendsAgain !== true || !isClosedWhileKept(error)) throw error;
      sentAgain++;
      return options.connections.request(request);
    }
  }

  async function get(
    kind: Answer['kind'],
    url: URL,
  ): Promise<{ status: number; location: string | undefined; text: string }> {
    const started = performance.now();
    const headers: Record<string, string> = {};
    if (cookies.size > 0) headers['cookie'] = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await send({
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'GET',
      headers,
    });
    const text = await response.body.text();
    const { 'x-sim-server': server, location, 'set-cookie': setCookie } = response.headers;
    if (options.keepsCookies === true) {
      for (const cookie of [setCookie ?? []].flat()) {
        const match = /^([^=]+)=([^;]*)/.exec(cookie);
        if (match?.[1] !== undefined) cookies.set(match[1], match[2] ?? '');
      }
    }
    answers.push({
      kind,
      path: url.pathname + url.search,
      status: response.statusCode,
      server: server === undefined ? undefined : String(server),
      tookMs: performance.now() - started,
    });
    return { status: response.statusCode, location: location === undefined ? undefined : String(location), text };
  }

  return {
    stream: options.stream,
    answers,
    get sentAgain() {
      return sentAgain;
    },
    async load() {
      let url = new URL(`/${options.stream}/index.m3u8`, options.url);
      playlists = [];
      for (let hop = 0; hop < 4; hop++) {
        const { status, location, text } = await get('master', url);
        if (status === 302 && location !== undefined) {
          url = new URL(location, url);
          continue;
        }
        if (status === 200) playlists = uris(text).map((uri) => new URL(uri, url));
        return status;
      }
      throw new Error(`redirected in a circle: ${url.href}`);
    },
    async round() {
      let worst = 200;
      for (const playlist of playlists) {
        const { status, text } = await get('media', playlist);
        worst = Math.max(worst, status);
        if (status !== 200) continue;
        for (const uri of nearTheEdge(uris(text))) {
          if (seen.has(uri)) continue;
          seen.add(uri);
          const kind = uri.includes('_init.mp4') ? 'init' : 'segment';
          const answer = await get(kind, new URL(uri, playlist));
          worst = Math.max(worst, answer.status);
        }
      }
      return worst;
    },
  };
}

function isClosedWhileKept(error: unknown): boolean {
  const { code, socket } = error as { code?: string; socket?: { bytesRead: number } };
  return code === 'ECONNRESET' || code === 'EPIPE' || (code === 'UND_ERR_SOCKET' && (socket?.bytesRead ?? 0) > 0);
}

/** What a player loads that has just come, or comes again: the init segment and the newest segments; older ones may be gone by then. */
function nearTheEdge(all: readonly string[]): string[] {
  const isInit = (uri: string) => uri.includes('_init.mp4');
  return [...all.filter(isInit), ...all.filter((uri) => !isInit(uri)).slice(-3)];
}

/** Every URI of a playlist: lines that are none of tags, and `URI="…"` of the tags that name something to load now. */
function uris(playlist: string): string[] {
  const found: string[] = [];
  for (const line of playlist.split('\n')) {
    if (line !== '' && !line.startsWith('#')) found.push(line);
    else if (/^#EXT-X-(MEDIA|MAP):/.test(line)) found.push(/URI="([^"]+)"/.exec(line)?.[1] ?? '');
  }
  return found.filter((uri) => uri !== '');
}
