import fc from 'fast-check';
import { maxUrlLength, parseSourceUrl, redact, shownUrl, streamTypeOf } from '../../../src/relay/source-url';

describe('parse', () => {
  it.each([
    ['http://host/a.ts', 'http://host/a.ts'],
    ['HTTPS://user:pass@Host:8443/live/1.ts?a=b', 'https://user:pass@host:8443/live/1.ts?a=b'],
    ['http://host/a b', 'http://host/a%20b'],
    ['http://host/a#b', 'http://host/a'],
    ['http://[2001:db8::1]:80/', 'http://[2001:db8::1]/'],
    ['http://straße.example/', 'http://xn--strae-oqa.example/'],
    [`http://host/${'a'.repeat(maxUrlLength - 12)}`, `http://host/${'a'.repeat(maxUrlLength - 12)}`],
  ])('takes %s', (given, href) => {
    expect(parseSourceUrl(given).url?.href).toBe(href);
  });

  it.each([
    ['', 'begin with'],
    ['host/a.ts', 'begin with'],
    ['file:///etc/hostname', 'begin with'],
    ['rtmp://host/a', 'begin with'],
    ['http:/host/a', 'begin with'],
    ['javascript:http://host/', 'begin with'],
    ['http://', 'not valid'],
    ['http://host:99999/', 'not valid'],
    ['http://ho st/', 'not valid'],
    ['http://1.2.3.4.5/', 'not valid'],
    ['http://host:0/', 'port 0'],
    [' http://host/', 'spaces'],
    ['http://host/\r\nx: y', 'control'],
    ['http://ho\tst/', 'control'],
    ['http://host/\u0000', 'control'],
    ['http://host/\u2028', 'control'],
    [`http://host/${'a'.repeat(maxUrlLength - 11)}`, 'more than 4096'],
  ])('refuses %j', (given, problem) => {
    expect(parseSourceUrl(given)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('says nothing of the URL', () => {
    expect(parseSourceUrl('http://user:secret@host:99999/secret').problem).not.toContain('secret');
  });
});

it.each([
  ['http://user:pass@host:8080/live/user/pass/1.ts?token=a', 'http://host:8080/…'],
  ['https://host/a', 'https://host/…'],
  ['https://host?a', 'https://host/…'],
  ['https://host', 'https://host/'],
  ['http://host:80/#secret', 'http://host/'],
  ['no URL', 'an invalid URL'],
])('shows %s as %s', (given, shown) => {
  expect(shownUrl(given)).toBe(shown);
});

describe('redact', () => {
  const url = 'http://alice:s3cret@host:8080/live/bob/p4ss%21/12.ts?token=abcdef&x=yz';

  it.each([
    [`cannot read ${url}.`, 'cannot read http://host:8080/…'],
    [`see "${url}", please`, 'see "http://host:8080/…", please'],
    ['?url=http%3A%2F%2Falice%3As3cret%40host%2Fbob', '?url=an invalid URL'],
    ['rtsp://a:b@cam/x and ftp://u:p@h', 'rtsp://cam/… and ftp://h/'],
    ['User bob (alice) with p4ss! or p4ss%21 expired', 'User … (…) with … or … expired'],
    ['token abcdef is no token', 'token … is no token'],
    ['yz and live are plain', 'yz and live are plain'],
    ['nothing', 'nothing'],
  ])('%s', (text, redacted) => {
    expect(redact(text, url)).toBe(redacted);
  });

  it('leaves no credentials in a text, wherever they stand', () => {
    const word = fc.stringMatching(/^[a-zA-Z0-9]{6,12}$/);
    fc.assert(
      fc.property(word, word, fc.string(), fc.string(), (user, password, before, after) => {
        fc.pre(!`${before}${after}`.includes(user) && !`${before}${after}`.includes(password));
        fc.pre(user !== password && !'http://host/…'.includes(user) && !'http://host/…'.includes(password));
        const one = `http://${user}:${password}@host/`;
        const other = `http://host/live/${user}/${password}/1.ts`;
        const text = redact(`${before} ${one} ${other} ${user} ${password} ${after}`, one, other);
        expect(text).not.toContain(user);
        expect(text).not.toContain(password);
      }),
    );
  });

  it('takes its time in proportion to the text', () => {
    const text = `${'a'.repeat(100_000)}${'http:/'.repeat(10_000)}${'%3a%2f'.repeat(10_000)}`;
    expect(redact(text, url)).toHaveLength(text.length);
  });
});

it.each([
  ['http://h/live/u/p/1.ts', 'live'],
  ['http://h/u/p/1', 'live'],
  ['http://h/a.m3u8', 'hls'],
  ['http://h/a.M3U8?token=1', 'hls'],
  ['http://h/a.m3u8;jsessionid=1', 'hls'],
  ['http://h/movie/u/p/1.m3u8', 'hls'],
  ['http://h/a.mp4', 'vod'],
  ['http://h/a.MKV?x=.m3u8', 'vod'],
  ['http://h/a.webm', 'vod'],
  ['http://h/a.avi', 'vod'],
  ['http://h/movie/u/p/1.ts', 'vod'],
  ['http://h/series/u/p/1', 'vod'],
  ['http://h/timeshift/u/p/60/2026-01-01:10-00/1.ts', 'vod'],
  ['http://h/streaming/timeshift.php?username=u', 'vod'],
  ['http://h/live.ts?file=a.mp4', 'live'],
  ['http://h/live.ts?next=/movie/a', 'live'],
  ['http://h/live.ts#/movie/a.m3u8', 'live'],
  ['http://h/movies', 'live'],
  ['http://h/mp4', 'live'],
  ['http://h/a.mp4/1.ts', 'live'],
  ['http://movie/series.ts', 'live'],
  ['no URL', 'live'],
])('%s is %s', (url, type) => {
  expect(streamTypeOf(url)).toBe(type);
});
