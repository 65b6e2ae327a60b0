import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHolderLog } from '../../../src/demo/holder-log';
import { type PlaySessionsOptions, playSessions } from '../../../src/demo/play-sessions';

const master = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nvideo1_stream.m3u8?mtxs=1\n';
const media = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4?mtxs=1"\n#EXTINF:1,\nseg1.mp4?mtxs=1\n';

let proxy: Server;
let viewersUrl: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  answer = sendFrom('mtx1');
  proxy = createServer((request, response) => answer(request, response));
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  viewersUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((done) => proxy.close(done)));

function sendFrom(server: string, status: (path: string) => number = () => 200) {
  return ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status(url), { 'x-mtx-server': server });
    response.end(url.includes('index.m3u8') ? master : media);
  };
}

function play(options: Partial<PlaySessionsOptions>) {
  return playSessions({
    viewersUrl,
    streams: ['live/a'],
    holders: createHolderLog(),
    onBegin: () => undefined,
    onTrouble: () => undefined,
    signal: new AbortController().signal,
    roundMs: 1,
    ...options,
  });
}

/** A log in which mtx1 has had live/a for a minute; its clock can be moved on. */
function longHeld() {
  const clock = { nowMs: Date.now() - 60_000 };
  const holders = createHolderLog(() => clock.nowMs);
  holders.live('live/a', 'mtx1');
  clock.nowMs = Date.now();
  return { holders, clock };
}

describe('playSessions', () => {
  it('asks for the master once, then for playlists, and for each segment once', async () => {
    const paths: string[] = [];
    answer = (request, response) => {
      paths.push(request.url ?? '');
      sendFrom('mtx1')(request, response);
    };
    const counts = await play({ holders: longHeld().holders });
    expect(counts).toEqual({ sessions: 1, requests: 7, failed: 0, wrongServer: 0, restarts: 0, waits: 0 });
    expect(paths.slice(0, 4)).toEqual([
      '/live/a/index.m3u8',
      '/live/a/video1_stream.m3u8?mtxs=1',
      '/live/a/init.mp4?mtxs=1',
      '/live/a/seg1.mp4?mtxs=1',
    ]);
  });

  it('follows the redirect of a server with sessions, and counts both answers', async () => {
    answer = (request, response) => {
      if (request.url !== '/live/a/index.m3u8') {
        sendFrom('mtx1')(request, response);
        return;
      }
      response.writeHead(302, { location: '/live/a/index.m3u8?cookieCheck=1', 'x-mtx-server': 'mtx1' });
      return response.end();
    };
    expect(await play({ holders: longHeld().holders })).toMatchObject({ requests: 8, failed: 0, wrongServer: 0 });
  });

  it('counts each answer of a server that never had the stream', async () => {
    answer = sendFrom('mtx2');
    const told: string[] = [];
    const counts = await play({ holders: longHeld().holders, onTrouble: (trouble) => told.push(trouble) });
    expect(counts.wrongServer).toBe(counts.requests);
    expect(told[0]).toBe('wrong server: master of live/a: 200 from mtx2');
  });

  it('counts a master that is not found although a server has the stream', async () => {
    answer = sendFrom('mtx1', () => 404);
    expect(await play({ holders: longHeld().holders })).toMatchObject({ sessions: 1, requests: 1, failed: 1 });
  });

  it('counts a child that is refused although its publisher stayed', async () => {
    answer = sendFrom('mtx1', (path) => (path.includes('index') ? 200 : 401));
    expect(await play({ holders: longHeld().holders })).toMatchObject({ requests: 2, failed: 1, restarts: 0 });
  });

  it('counts requests that get no answer', async () => {
    answer = (request) => request.socket.destroy();
    expect(await play({ holders: longHeld().holders })).toMatchObject({ requests: 1, failed: 1 });
  });

  it('loads the master again when its publisher has left, and plays on from where it is now', async () => {
    const { holders, clock } = longHeld();
    let hasMoved = false;
    answer = (request, response) => {
      const isMaster = request.url?.includes('index') === true;
      if (isMaster) {
        sendFrom(hasMoved ? 'mtx2' : 'mtx1')(request, response);
        return;
      }
      if (hasMoved) {
        sendFrom('mtx2')(request, response);
        return;
      }
      hasMoved = true;
      clock.nowMs = Date.now();
      holders.live('live/a', 'mtx2');
      holders.gone('live/a', 'mtx1');
      sendFrom('mtx1', () => 401)(request, response);
    };
    expect(await play({ holders })).toMatchObject({ failed: 0, restarts: 1, wrongServer: 0 });
  });

  it('waits while nobody has the stream, and calls no server wrong meanwhile', async () => {
    const holders = createHolderLog();
    let asked = 0;
    answer = (request, response) => {
      asked++;
      if (asked === 2) holders.live('live/a', 'mtx1');
      sendFrom(asked < 2 ? 'mtx3' : 'mtx1', () => (asked < 2 ? 404 : 200))(request, response);
    };
    expect(await play({ holders })).toMatchObject({ failed: 0, waits: 1, wrongServer: 0 });
  });

  it('plays every session, and tells when each begins', async () => {
    const begun: number[] = [];
    const streams = Array.from({ length: 30 }, () => 'live/a');
    const counts = await play({ holders: longHeld().holders, streams, onBegin: (count) => begun.push(count) });
    expect(counts.sessions).toBe(30);
    expect(begun).toEqual(streams.map((_, index) => index + 1));
  });
});
