import { Agent } from 'node:http';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { until } from '../support/until';
import { type Answer, ask, header, type Question } from './exchange';
import { freshStream, realMediaMtx, type Subject, type SubjectOptions, standIn } from './subject';

/*
 * How MediaMTX behaves towards players, HAProxy and clients of its Control API. Runs on the stand-in, and also on a real
 * MediaMTX where MEDIAMTX_BIN names one.
 */
const binary = process.env.MEDIAMTX_BIN;
const kinds = [standIn('pre-session'), standIn('session'), ...(binary ? [realMediaMtx(binary)] : [])];

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;
const NOT_FOUND = '404 page not found';
const UNAUTHORIZED = '{"status":"error","error":"authentication error"}';

interface PathItem {
  name: string;
  ready: boolean;
  readyTime: string | null;
  online: boolean;
  onlineTime: string | null;
  source: { type: string; id: string } | null;
  readers: { type: string; id: string }[];
}

describe.each(kinds)('$name', (kind) => {
  let block: LoopbackBlock;
  let subject: Subject;

  const hls = (path: string, question: Partial<Question> = {}) => ask(subject.hlsUrl, { ...question, path });
  const api = (path: string, question: Partial<Question> = {}) => ask(subject.apiUrl, { ...question, path });
  const item = async (stream: string) => JSON.parse((await api(`/v3/paths/get/${stream}`)).text) as PathItem;

  /** The master playlist as a player without cookies gets it. */
  async function master(stream: string, query = '', question: Partial<Question> = {}): Promise<Answer> {
    const first = await hls(`/${stream}/index.m3u8${query === '' ? '' : `?${query}`}`, question);
    return first.status === 302 ? hls(header(first, 'Location') ?? '', question) : first;
  }

  const uris = (playlist: string) => playlist.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const mediaUri = (answer: Answer) => uris(answer.text)[0] ?? '';
  const prefixOf = (playlist: string) => /[0-9a-f]{12}(?=_)/.exec(playlist)?.[0];

  /** A player's way to its first media playlist. */
  async function play(stream: string, query = '', question: Partial<Question> = {}) {
    const opened = await master(stream, query, question);
    const uri = `/${stream}/${mediaUri(opened)}`;
    return { opened, uri, media: await hls(uri, question) };
  }

  async function start(options: Partial<SubjectOptions> = {}): Promise<void> {
    block = await takeLoopbackBlock();
    subject = await kind.start({ address: block.address(11), variant: 'fmp4', ...options });
  }

  async function stop(): Promise<void> {
    await subject.stop();
    await block.release();
  }

  describe('fmp4', () => {
    beforeAll(() => start({ cdnSecret: 'cdn-secret' }));
    afterAll(stop);

    it('knows a stream as soon as it is published, and no longer', async () => {
      const stream = freshStream();
      expect((await api(`/v3/paths/get/${stream}`)).status).toBe(404);
      await subject.publish(stream);
      expect(await item(stream)).toMatchObject({
        name: stream,
        confName: '~^live/',
        ready: true,
        online: true,
        source: { type: 'rtspSession', id: expect.stringMatching(UUID) as string },
        readers: [],
      });
      const listed = JSON.parse((await api('/v3/paths/list')).text) as { items: PathItem[] };
      expect(listed.items.map(({ name }) => name)).toContain(stream);
      await subject.unpublish(stream);
      const gone = await api(`/v3/paths/get/${stream}`);
      expect([gone.status, gone.text]).toEqual([404, '{"status":"error","error":"path not found"}']);
    });

    it('gives a stream with slashes by raw and by encoded name', async () => {
      const stream = `${freshStream()}/b/c`;
      await subject.publish(stream);
      const raw = await item(stream);
      const encoded = JSON.parse((await api(`/v3/paths/get/${encodeURIComponent(stream)}`)).text) as PathItem;
      expect(encoded.source).toEqual(raw.source);
      expect((await master(stream)).status).toBe(200);
      await subject.unpublish(stream);
    });

    it.each([
      ['itemsPerPage=0', 'invalid items per page'],
      ['itemsPerPage=x', 'strconv.ParseUint: parsing "x": invalid syntax'],
      ['page=-1', 'strconv.ParseUint: parsing "-1": invalid syntax'],
      ['page=99999999999', 'strconv.ParseUint: parsing "99999999999": value out of range'],
    ])('refuses to list with %s', async (query, error) => {
      const answer = await api(`/v3/paths/list?${query}`);
      expect([answer.status, JSON.parse(answer.text)]).toEqual([400, { status: 'error', error }]);
    });

    it('lists in pages, sorted by name', async () => {
      const parent = freshStream();
      const streams = [`${parent}/c`, `${parent}/a`, `${parent}/b`];
      for (const stream of streams) await subject.publish(stream);
      const pages = await Promise.all(
        [0, 1, 2].map(async (page) => {
          const text = (await api(`/v3/paths/list?itemsPerPage=2&page=${page}`)).text;
          return JSON.parse(text) as { itemCount: number; pageCount: number; items: PathItem[] };
        }),
      );
      expect(
        pages.map(({ itemCount, pageCount, items }) => [itemCount, pageCount, items.map(({ name }) => name)]),
      ).toEqual([
        [3, 2, [`${parent}/a`, `${parent}/b`]],
        [3, 2, [`${parent}/c`]],
        [3, 2, []],
      ]);
      for (const stream of streams) await subject.unpublish(stream);
    });

    it.each(['/v3/nothing', '/v3', '/'])('has no %s in its API', async (path) => {
      const answer = await api(path);
      expect([answer.status, answer.text]).toEqual([404, NOT_FOUND]);
    });

    it('does not accept an API call by the wrong method', async () => {
      expect((await api('/v3/paths/list', { method: 'POST' })).status).toBe(404);
      expect((await api('/v3/paths/get/')).text).toBe('{"status":"error","error":"invalid name"}');
    });

    it('answers a player of a stream that nobody publishes', async () => {
      const stream = freshStream();
      const answer = await master(stream);
      expect([answer.status, answer.text]).toEqual(
        subject.hasSessions
          ? [404, `{"status":"error","error":"no stream is available on path '${stream}'"}`]
          : [404, NOT_FOUND],
      );
      const child = await hls(`/${stream}/video1_stream.m3u8`);
      expect([child.status, child.text]).toEqual(subject.hasSessions ? [401, UNAUTHORIZED] : [404, NOT_FOUND]);
    });

    it('serves every file of a stream, and no other', async () => {
      const stream = freshStream();
      await subject.publish(stream);
      const { opened, media, uri } = await play(stream, 'b=2&a=1');
      expect(opened.status).toBe(200);
      expect(media.status).toBe(200);
      const init = /URI="([^"]+)"/.exec(media.text)?.[1] ?? '';
      for (const name of [init, ...uris(media.text)]) {
        expect(name).toContain('?a=1&b=2');
        expect(await hls(`/${stream}/${name}`)).toMatchObject({
          status: 200,
          headers: { 'Content-Type': ['video/mp4'] },
        });
      }
      const audio = /TYPE=AUDIO.*URI="([^"]+)"/.exec(opened.text)?.[1] ?? '';
      expect(audio).toMatch(/^audio2_stream\.m3u8\?/);
      const audioMedia = await hls(`/${stream}/${audio}`);
      const [audioSegment = ''] = uris(audioMedia.text);
      expect(await hls(`/${stream}/${audioSegment}`)).toMatchObject({
        status: 200,
        headers: { 'Content-Type': ['audio/mp4'] },
      });
      const query = uri.slice(uri.indexOf('?'));
      for (const name of [
        'gap.mp4',
        'main_stream.m3u8',
        'video9_stream.m3u8',
        '000000000000_video1_seg0.mp4',
        'x.ts',
      ]) {
        expect([name, (await hls(`/${stream}/${name}${query}`)).status]).toEqual([name, 404]);
      }
      await subject.unpublish(stream);
    });

    it('copies the query into child URIs', async () => {
      const stream = freshStream();
      await subject.publish(stream);
      const raw = 'z=%7e%20&a=b+c&a=1&flag&_HLS_x=1';
      const { opened, media } = await play(stream, raw);
      const sorted = 'a=b+c&a=1&flag=&z=~+';
      if (subject.hasSessions) {
        const query = mediaUri(opened)
          .replace(/^.*\?/, '')
          .replace(/session=[^&]*&/, '');
        expect(query).toBe('_HLS_x=1&a=b+c&a=1&flag=&z=~+');
      } else expect(mediaUri(opened)).toBe(`video1_stream.m3u8?${raw}`);
      for (const uri of uris(media.text)) {
        expect(uri.replace(/^.*\?/, '').replace(/session=[^&]*&/, '')).toBe(sorted);
      }
      await subject.unpublish(stream);
    });

    it('moves its window of seven segments', async () => {
      const stream = freshStream();
      await subject.publish(stream);
      const { media, uri } = await play(stream);
      const [first = ''] = uris(media.text);
      expect(media.text).toContain('#EXT-X-MEDIA-SEQUENCE:0\n');
      const later = await until('the first segment to leave the playlist', async () => {
        const { text } = await hls(uri);
        return !text.includes(first) && text;
      });
      expect(uris(later)).toHaveLength(7);
      expect(Number(/MEDIA-SEQUENCE:(\d+)/.exec(later)?.[1])).toBeGreaterThan(0);
      // Only the last two segments tell their time.
      expect(later.match(/PROGRAM-DATE-TIME/g)).toHaveLength(2);
      expect((await hls(`/${stream}/${first}`)).status).toBe(404);
      await subject.unpublish(stream);
    });

    it('starts anew with every publisher', async () => {
      const stream = freshStream();
      await subject.publish(stream);
      const before = await play(stream);
      const sourceBefore = (await item(stream)).source?.id;
      await subject.unpublish(stream);
      await subject.publish(stream);
      const child = await hls(before.uri);
      if (subject.hasSessions) expect([child.status, child.text]).toEqual([401, UNAUTHORIZED]);
      else expect(child.status).toBe(200);
      const after = await play(stream);
      expect(prefixOf(after.media.text)).not.toBe(prefixOf(before.media.text));
      expect(after.media.text).toContain('#EXT-X-MEDIA-SEQUENCE:0\n');
      expect((await item(stream)).source?.id).not.toBe(sourceBefore);
      await subject.unpublish(stream);
    });

    it('lets a second publisher replace the first', async () => {
      const stream = freshStream();
      await subject.publish(stream);
      const before = await play(stream);
      const { source, onlineTime } = await item(stream);
      await subject.publish(stream);
      const replaced = await item(stream);
      expect(replaced.source?.id).not.toBe(source?.id);
      expect(Date.parse(replaced.onlineTime ?? '')).toBeGreaterThanOrEqual(Date.parse(onlineTime ?? ''));
      expect(prefixOf((await play(stream)).media.text)).not.toBe(prefixOf(before.media.text));
      if (subject.hasSessions) expect((await hls(before.uri)).status).toBe(401);
      await subject.unpublish(stream);
    });

    it('shows who reads', async () => {
      const stream = freshStream();
      await subject.publish(stream);
      await play(stream);
      await play(stream);
      const { readers } = await item(stream);
      if (subject.hasSessions) {
        expect(readers.map(({ type }) => type)).toEqual(['hlsSession', 'hlsSession']);
        expect(readers[0]?.id).toMatch(UUID);
      } else expect(readers).toEqual([{ type: 'hlsMuxer', id: '' }]);
      const muxer = await api(`/v3/hlsmuxers/get/${stream}`);
      expect(JSON.parse(muxer.text)).toMatchObject({ path: stream });
      expect((await api('/v3/hlsmuxers/get/live/nobody')).status).toBe(404);
      await subject.unpublish(stream);
      expect((await api(`/v3/hlsmuxers/get/${stream}`)).status).toBe(404);
    });

    it('answers a waiting player with 500 when the publisher is lost', async () => {
      const stream = freshStream();
      const status = await until('a player that was still waiting then', async () => {
        await subject.publish(stream);
        const waiting = master(stream);
        await until('the muxer to start', async () => (await api(`/v3/hlsmuxers/get/${stream}`)).status === 200);
        await subject.unpublish(stream);
        const answer = await waiting;
        // On a busy machine the stream may have begun to play before its publisher was gone.
        return answer.status !== 200 && answer.status;
      });
      expect(status).toBe(500);
    });

    it.each([
      ['/live/a b/index.m3u8'.replace(' ', '%20'), 404, 302],
      ['/live/%0a/index.m3u8', 404, 302],
      ['/live/a%2Fb/index.m3u8', 404, 302],
      ['/live/%zz/index.m3u8', 400, 400],
      ['/live/a;b/index.m3u8', 404, 302],
      ['/live/%C3%A4/index.m3u8', 404, 302],
      ['/live/../x/index.m3u8', 404, 302],
      ['//live/x/index.m3u8', 404, 302],
      ['/index.m3u8', 404, 302],
      ['/favicon.ico', 404, 404],
      ['/live/x/hls.min.js.map', 404, 404],
      ['/live/%22%27%3C/index.m3u8?cookieCheck=1', 404, 500],
      ['/live/./x/index.m3u8?cookieCheck=1', 404, 404],
      ['/live//x/index.m3u8?cookieCheck=1', 404, 404],
      ['/..%2f/index.m3u8?cookieCheck=1', 404, 500],
      ['/index.m3u8?cookieCheck=1', 404, 500],
      ['/x.ts', 404, 401],
    ])('answers the hostile name %s', async (path, preSession, session) => {
      expect((await hls(path)).status).toBe(subject.hasSessions ? session : preSession);
    });

    it('answers a very long name', async () => {
      const answer = await hls(`/live/${'a'.repeat(4000)}/index.m3u8`);
      expect(answer.status).toBe(subject.hasSessions ? 302 : 404);
    });

    it.each([
      ['/live/x', '/live/x/', '/live/x/'],
      ['/live/x?a=1&b=2', '/live/x/?a=1&b=2', '/live/x/?a=1&b=2'],
      ['/live//x', '/live//x/', '/live/x/'],
      ['/live/%41', '/live/A/', '/live/A/'],
    ])('sends %s to the page', async (path, preSession, session) => {
      const answer = await hls(path);
      expect(answer.status).toBe(subject.hasSessions ? 302 : 301);
      expect(header(answer, 'Location')).toBe(subject.hasSessions ? session : preSession);
    });

    it('has a page for every configured path, and its script', async () => {
      expect((await hls('/live/nobody/')).status).toBe(200);
      expect((await hls('/live/nobody/hls.min.js')).status).toBe(200);
      expect((await hls('/other/')).status).toBe(subject.hasSessions ? 500 : 404);
    });

    it('sends a player round once to see whether it keeps cookies', async () => {
      const answer = await hls(`/${freshStream()}/index.m3u8?b=2&a=%20`);
      if (!subject.hasSessions) {
        expect(answer.status).toBe(404);
        return;
      }
      expect(answer.status).toBe(302);
      expect(header(answer, 'Location')).toMatch(/\/index\.m3u8\?a=\+&b=2&cookieCheck=1$/);
      expect(answer.headers['Set-Cookie']?.at(-1)).toBe('cookieCheck=1; HttpOnly; Secure; SameSite=None; Partitioned');
    });

    it('opens a session for each master playlist, and checks secret, stream and client of every child', async () => {
      const stream = freshStream();
      const other = freshStream();
      await subject.publish(stream);
      await subject.publish(other);
      const { uri } = await play(stream);
      const second = await play(stream);
      const stranger = { from: block.address(77) };
      if (subject.hasSessions) {
        expect(second.uri).not.toBe(uri);
        expect((await hls(uri)).status).toBe(200);
        expect((await hls(uri, stranger)).status).toBe(401);
        expect((await hls(uri.replace(stream, other))).status).toBe(401);
        expect((await hls(uri.replace(UUID, '00000000-0000-4000-8000-000000000000'))).status).toBe(401);
        expect((await hls(uri.replace(/\?.*/, ''))).status).toBe(401);
      } else {
        expect(second.uri).toBe(uri);
        expect((await hls(uri, stranger)).status).toBe(200);
      }
      await subject.unpublish(stream);
      await subject.unpublish(other);
    });

    it('keeps the session in a cookie where the player keeps cookies, and believes it before the query', async () => {
      const stream = freshStream();
      await subject.publish(stream);
      const opened = await hls(`/${stream}/index.m3u8?cookieCheck=1`, { headers: { cookie: 'a=b; cookieCheck=1' } });
      if (subject.hasSessions) {
        const cookie = opened.headers['Set-Cookie']?.at(-1)?.split(';')[0] ?? '';
        expect(cookie).toMatch(/^hlsSession=/);
        expect(mediaUri(opened)).toBe('video1_stream.m3u8');
        const uri = `/${stream}/video1_stream.m3u8`;
        expect((await hls(uri)).status).toBe(401);
        expect((await hls(uri, { headers: { cookie } })).status).toBe(200);
        expect((await hls(`/${stream}/gap.mp4`, { headers: { cookie } })).status).toBe(404);
        const { uri: withSecret } = await play(stream);
        const wrong = { cookie: 'hlsSession=00000000-0000-4000-8000-000000000000' };
        expect((await hls(withSecret, { headers: wrong })).status).toBe(401);
      } else expect(mediaUri(opened)).toBe('video1_stream.m3u8?cookieCheck=1');
      await subject.unpublish(stream);
    });

    it('ends a session that is kicked', async () => {
      const stream = freshStream();
      await subject.publish(stream);
      const { uri } = await play(stream, 'who=me');
      const list = await api('/v3/hlssessions/list');
      if (!subject.hasSessions) {
        expect([list.status, list.text]).toEqual([404, NOT_FOUND]);
        await subject.unpublish(stream);
        return;
      }
      const { items } = JSON.parse(list.text) as { items: { id: string; path: string; query: string }[] };
      const session = items.find(({ path }) => path === stream);
      expect(session?.query).toBe('who=me');
      const id = session?.id ?? '';
      expect((await api(`/v3/hlssessions/get/${id}`)).status).toBe(200);
      const kicked = await api(`/v3/hlssessions/kick/${id}`, { method: 'POST' });
      expect([kicked.status, kicked.text]).toEqual([200, '{"status":"ok"}']);
      expect((await hls(uri)).status).toBe(401);
      const again = await api(`/v3/hlssessions/kick/${id}`, { method: 'POST' });
      expect([again.status, again.text]).toEqual([404, '{"status":"error","error":"session not found"}']);
      const nonsense = await api('/v3/hlssessions/kick/x', { method: 'POST' });
      expect([nonsense.status, nonsense.text]).toEqual([400, '{"status":"error","error":"invalid UUID length: 1"}']);
      expect((await item(stream)).readers).toEqual([]);
      await subject.unpublish(stream);
    });

    it('shares one session of a CDN, which only the master playlist opens', async () => {
      const stream = freshStream();
      await subject.publish(stream);
      const cdn = { headers: { authorization: 'Bearer cdn-secret' } };
      const child = `/${stream}/video1_stream.m3u8`;
      if (!subject.hasSessions) {
        expect((await hls(child, cdn)).status).toBe(200);
        await subject.unpublish(stream);
        return;
      }
      expect((await hls(child, cdn)).status).toBe(401);
      const opened = await hls(`/${stream}/index.m3u8?b=1&a=2`, cdn);
      expect(opened.status).toBe(200);
      expect(mediaUri(opened)).toBe('video1_stream.m3u8?b=1&a=2');
      expect((await hls(`/${stream}/index.m3u8`, cdn)).status).toBe(200);
      expect((await item(stream)).readers).toHaveLength(1);
      expect((await hls(child, { ...cdn, from: block.address(77) })).status).toBe(200);
      expect((await hls(child)).status).toBe(401);
      expect((await hls(`/${stream}/index.m3u8`, { headers: { authorization: 'Bearer wrong' } })).status).toBe(302);
      expect((await hls(`/${freshStream()}/index.m3u8`, cdn)).status).toBe(404);
      expect((await hls('/other/index.m3u8', cdn)).status).toBe(500);
      await subject.unpublish(stream);
    });

    it('closes connections and refuses new ones when it is killed, and knows nothing when it is back', async () => {
      const stream = freshStream();
      await subject.publish(stream);
      const { uri } = await play(stream);
      const agent = new Agent({ keepAlive: true });
      await hls(uri, { agent });
      await subject.kill();
      await expect(hls(uri, { agent })).rejects.toThrow();
      await expect(api('/v3/info')).rejects.toThrow(/ECONNREFUSED/);
      await subject.restart();
      agent.destroy();
      expect((await hls(uri)).status).toBe(subject.hasSessions ? 401 : 404);
      await subject.unpublish(stream);
    });
  });

  describe('lowLatency', () => {
    const stream = 'live/ll';
    beforeAll(async () => {
      await start({ variant: 'lowLatency' });
      await subject.publish(stream);
    });
    afterAll(stop);

    it('begins with gaps, and a first segment of number 7', async () => {
      const { media } = await play(stream);
      expect(uris(media.text).filter((uri) => uri === 'gap.mp4').length).toBeGreaterThan(0);
      expect(media.text).toMatch(/_video1_seg7\.mp4/);
      expect(header(media, 'Content-Type')).toBe('application/vnd.apple.mpegurl');
    });

    it('holds a reload until the part exists', async () => {
      const { uri, media } = await play(stream);
      const segments = [...media.text.matchAll(/_video1_seg(\d+)/g)].map((match) => Number(match[1]));
      const next = Math.max(...segments) + 1;
      const join = uri.includes('?') ? '&' : '?';
      const held = await hls(`${uri}${join}_HLS_msn=${next}&_HLS_part=1`);
      expect(held.status).toBe(200);
      const open = held.text.slice(held.text.lastIndexOf('#EXTINF'));
      expect(open.match(/EXT-X-PART:/g)?.length).toBeGreaterThanOrEqual(1);
      expect(held.text).not.toContain('_HLS_');
    });

    it('holds a request for the part of the preload hint', async () => {
      const { media } = await play(stream);
      const hint = /PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/.exec(media.text)?.[1] ?? '';
      expect(await hls(`/${stream}/${hint}`)).toMatchObject({
        status: 200,
        headers: { 'Content-Type': ['video/mp4'] },
      });
    });

    it.each(['_HLS_msn=900', '_HLS_msn=0', '_HLS_part=1', '_HLS_msn=x', '_HLS_msn=8&_HLS_part=-1'])(
      'refuses %s',
      async (query) => {
        const { uri } = await play(stream);
        const answer = await hls(`${uri}${uri.includes('?') ? '&' : '?'}${query}`);
        expect([answer.status, answer.text]).toEqual([400, '']);
      },
    );

    it('skips the oldest segments of a delta update', async () => {
      const { uri } = await play(stream);
      const delta = await hls(`${uri}${uri.includes('?') ? '&' : '?'}_HLS_skip=YES`);
      expect(delta.text).toContain('#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n');
      expect(delta.text).not.toContain('EXT-X-MAP');
      expect(delta.text.match(/#EXTINF/g)).toHaveLength(5);
    });
  });

  describe('mpegts', () => {
    const stream = 'live/ts';
    beforeAll(async () => {
      await start({ variant: 'mpegts' });
      await subject.publish(stream);
    });
    afterAll(stop);

    it('has one rendition of transport streams, and copies the query as it is', async () => {
      const { opened, media } = await play(stream, 'b=2&a=1');
      expect(uris(opened.text)).toHaveLength(1);
      const [segment = ''] = uris(media.text);
      expect(segment).toMatch(
        subject.hasSessions ? /_main_seg\d+\.ts\?a=1&b=2&session=/ : /_main_seg\d+\.ts\?b=2&a=1$/,
      );
      const answer = await hls(`/${stream}/${segment}`);
      expect(answer).toMatchObject({ status: 200, headers: { 'Content-Type': ['video/mp2t'] } });
      expect(answer.body.length % 188).toBe(0);
      expect(answer.body[0]).toBe(0x47);
    });
  });

  describe('with a publisher that sends no key frames', () => {
    beforeAll(() => start({ muxerCloseAfterMs: 2000 }));
    afterAll(stop);

    it('makes players wait until the muxer has been idle for too long: 500, without a word', async () => {
      const stream = freshStream();
      await subject.publish(stream, { hasKeyFrames: false });
      const answers = await Promise.all([master(stream), master(stream)]);
      expect(answers.map(({ status, text }) => [status, text])).toEqual([
        [500, ''],
        [500, ''],
      ]);
      await subject.unpublish(stream);
    });
  });

  describe('behind a proxy, with a source on demand', () => {
    beforeAll(() =>
      start({
        trustedProxies: ['127.0.0.0/8'],
        unreachablePath: { name: 'ondemand/x', startTimeoutMs: 1000 },
        alwaysAvailablePath: 'always/x',
      }),
    );
    afterAll(stop);

    it('knows the client by X-Forwarded-For', async () => {
      const stream = freshStream();
      await subject.publish(stream);
      const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
      const { uri } = await play(stream, '', from('192.0.2.1, 127.0.0.1'));
      expect((await hls(uri, { ...from('192.0.2.1'), from: block.address(77) })).status).toBe(200);
      expect((await hls(uri, from('192.0.2.2'))).status).toBe(subject.hasSessions ? 401 : 200);
      expect((await hls(uri)).status).toBe(subject.hasSessions ? 401 : 200);
      await subject.unpublish(stream);
    });

    it('shows an idle on-demand path as online, and not ready', async () => {
      expect(await item('ondemand/x')).toMatchObject({
        ready: false,
        readyTime: null,
        online: true,
        onlineTime: '0001-01-01T00:00:00Z',
        source: { type: 'rtspSource', id: '' },
      });
    });

    it('tells its configuration by name, and in pages', async () => {
      const { items, ...counts } = JSON.parse((await api('/v3/config/paths/list')).text) as {
        items: Record<string, unknown>[];
      };
      expect(counts).toEqual({ itemCount: 6, pageCount: 1 });
      const facts = ['name', 'sourceOnDemand', 'alwaysAvailable', 'source', 'runOnDemand'] as const;
      const source = expect.stringMatching(/^rtsp:\/\//) as string;
      const command = expect.stringMatching(/./) as string;
      expect(items.map((one) => facts.map((fact) => one[fact]))).toEqual([
        ['always/x', false, true, 'publisher', ''],
        ['ondemand/run', false, false, 'publisher', command],
        ['ondemand/x', true, false, source, ''],
        ['~^live/', false, false, 'publisher', ''],
        ['~^ondemand/run/', false, false, 'publisher', command],
        ['~^ondemand/source/', true, false, source, ''],
      ]);
      const second = JSON.parse((await api('/v3/config/paths/list?itemsPerPage=2&page=1')).text) as {
        pageCount: number;
        items: { name: string }[];
      };
      expect([second.pageCount, ...second.items.map(({ name }) => name)]).toEqual([3, 'ondemand/x', '~^live/']);
    });

    const idle = async (): Promise<[string, boolean, boolean, string | undefined][]> => {
      const { items } = JSON.parse((await api('/v3/paths/list')).text) as { items: PathItem[] };
      return items
        .filter(({ name }) => name.startsWith('ondemand/'))
        .map(({ name, ready, online, source }) => [name, ready, online, source?.type]);
    };

    it('lists paths that wait for a reader, and those under a pattern from the first reader on', async () => {
      const named = [
        ['ondemand/run', false, false, undefined],
        ['ondemand/x', false, true, 'rtspSource'],
      ];
      expect(await idle()).toEqual(named);
      expect((await api('/v3/paths/get/ondemand/source/a')).status).toBe(404);
      const waiting = [master('ondemand/source/a'), master('ondemand/run/a')];
      const pattern = [
        ['ondemand/run', false, false, undefined],
        ['ondemand/run/a', false, false, undefined],
        ['ondemand/source/a', false, true, 'rtspSource'],
        ['ondemand/x', false, true, 'rtspSource'],
      ];
      await until('both to be listed', async () => JSON.stringify(await idle()) === JSON.stringify(pattern));
      const status = subject.hasSessions ? 500 : 404;
      expect((await Promise.all(waiting)).map((answer) => answer.status)).toEqual([status, status]);
      // What has a source of its own stays.
      await until('the one without a source to go', async () => (await idle()).length === 3);
      expect((await idle()).map(([name]) => name)).toEqual(['ondemand/run', 'ondemand/source/a', 'ondemand/x']);
    });

    it('makes a player wait for a source on demand that does not come', async () => {
      const answer = await master('ondemand/x');
      expect([answer.status, answer.text]).toEqual(
        subject.hasSessions
          ? [500, `{"status":"error","error":"source of path 'ondemand/x' has timed out"}`]
          : [404, NOT_FOUND],
      );
    });

    it('shows an always-available path as ready, and online only while somebody publishes', async () => {
      expect(await item('always/x')).toMatchObject({ ready: true, online: false, onlineTime: null, source: null });
      expect((await master('always/x')).status).toBe(200);
      await subject.publish('always/x');
      expect(await item('always/x')).toMatchObject({ ready: true, online: true, source: { type: 'rtspSession' } });
      await subject.unpublish('always/x');
      expect(await item('always/x')).toMatchObject({ ready: true, online: false });
    });
  });

  describe('with credentials', () => {
    const basic = (text: string) => ({ headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` } });
    beforeAll(() =>
      start({
        apiCredentials: { user: 'ops', password: 'secret' },
        readCredentials: { user: 'viewer', password: 'popcorn' },
      }),
    );
    afterAll(stop);

    it.each([
      ['none', {}, 401, 'Basic realm="mediamtx"'],
      ['wrong ones', basic('ops:nope'), 401, undefined],
      ['right ones', basic('ops:secret'), 200, undefined],
      ['right ones as a bearer token', { headers: { authorization: 'Bearer ops:secret' } }, 200, undefined],
    ])('answers an API call with %s', async (_, question, status, challenge) => {
      const answer = await api('/v3/paths/list', question);
      expect([answer.status, header(answer, 'Www-Authenticate')]).toEqual([status, challenge]);
    });

    it('asks a player for credentials', async () => {
      const path = '/live/x/index.m3u8?cookieCheck=1';
      const answer = await hls(path);
      expect(answer.status).toBe(401);
      expect(header(answer, 'Www-Authenticate')).toBe('Basic realm="mediamtx"');
      const refused = await hls(path, basic('viewer:nope'));
      expect([refused.status, header(refused, 'Www-Authenticate')]).toEqual([401, undefined]);
      expect((await hls(path, basic('viewer:popcorn'))).status).toBe(404);
      expect((await hls('/live/x/', basic('viewer:popcorn'))).status).toBe(200);
    });
  });
});
