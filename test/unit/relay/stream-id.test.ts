import { accountPartOf, streamIdOf } from '../../../src/relay/stream-id';

describe('the account of a URL, as far as the URL tells', () => {
  const alice = '["tv.example",80,"alice","pw"]';
  const nobody = '["tv.example",80]';
  it.each([
    ['http://alice:pw@tv.example/1.ts', alice],
    ['http://alice:pw@tv.example:80/live/bob/no/1.ts?username=eve&password=no', alice],
    ['http://alice@tv.example/1.ts', '["tv.example",80,"alice",""]'],
    ['http://tv.example/live/alice/pw/1.ts', alice],
    ['http://TV.example./LIVE/alice/pw/1.m3u8?token=1', alice],
    ['http://tv.example/movie/alice/pw/1.mkv', alice],
    ['http://tv.example/series/alice/pw/1.mp4', alice],
    ['http://tv.example/timeshift/alice/pw/60/2026-01-01:10-00/1.ts', alice],
    ['http://tv.example/alice/pw/123', alice],
    ['http://tv.example/alice/pw/123.ts', alice],
    ['http://tv.example/streaming/timeshift.php?username=alice&password=pw&stream=1', alice],
    ['http://tv.example/get.php?password=pw&username=alice', alice],
    ['http://tv.example/live/al%69ce/p%77/1.ts', alice],
    ['http://tv.example/get.php?username=al%69ce&password=pw', alice],
    ['http://tv.example:8080/live/alice/pw/1.ts', '["tv.example",8080,"alice","pw"]'],
    ['https://tv.example/live/alice/pw/1.ts', '["tv.example",443,"alice","pw"]'],
    ['https://[2001:db8::1]:81/live/alice/pw/1.ts', '["[2001:db8::1]",81,"alice","pw"]'],
    ['http://tv.example/live/50%/%zz/1.ts', '["tv.example",80,"50%","%zz"]'],
    ['http://tv.example/live/bob/pw/1.ts', '["tv.example",80,"bob","pw"]'],
    ['http://tv.example/live/alice/1.ts', nobody],
    ['http://tv.example/live/alice/pw/', nobody],
    ['http://tv.example/stream/channel/1.ts', nobody],
    ['http://tv.example/hls/channel/001.ts', nobody],
    ['http://tv.example/alice/pw/news.ts', nobody],
    ['http://tv.example/alice/pw/1/2', nobody],
    ['http://tv.example/get.php?username=alice', nobody],
    ['http://tv.example/get.php?password=pw', nobody],
    ['http://tv.example/1.ts?token=alice', nobody],
    ['http://tv.example', nobody],
    ['no URL', 'no URL'],
  ])('%s: %s', (url, part) => {
    expect(accountPartOf(url)).toBe(part);
  });
});

describe('the id of a stream', () => {
  const url = 'http://tv.example/live/alice/pw/1.ts';

  it('is 8 digits of the account and 24 of the URL, by the key', () => {
    // printf %s 'account:["tv.example",80,"alice","pw"]' | openssl dgst -sha256 -hmac key; the same with the URL alone.
    const id = '2202740be96c3ad9f2e4e780751795d9';
    expect(streamIdOf('key', url)).toBe(id);
    expect(streamIdOf(Buffer.from('key'), url)).toBe(id);
    const other = streamIdOf('other', url);
    expect(other).toMatch(/^[0-9a-f]{32}$/);
    expect(other.slice(0, 8)).not.toBe(id.slice(0, 8));
    expect(other.slice(8)).not.toBe(id.slice(8));
  });

  it('begins alike for all streams of an account, and for those of no other', () => {
    const begin = (one: string) => streamIdOf('key', one).slice(0, 8);
    expect(begin('http://tv.example/movie/alice/pw/7.mkv')).toBe(begin(url));
    expect(streamIdOf('key', 'http://tv.example/movie/alice/pw/7.mkv')).not.toBe(streamIdOf('key', url));
    expect(begin('http://tv.example/live/bob/pw/1.ts')).not.toBe(begin(url));
  });
});
