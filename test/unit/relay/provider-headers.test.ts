import type { SourceRequest } from '../../../src/relay/provider';
import { createCookieJar, type Hop, headersOf, nextHop } from '../../../src/relay/provider-headers';

const hop = (url: string, isOwn = true): Hop => ({ url: new URL(url), isOwn });
const request = (headers: Record<string, string> = {}, range?: SourceRequest['range']): SourceRequest => ({
  url: 'http://host/',
  method: 'GET',
  headers,
  range,
  signal: new AbortController().signal,
});

function sent(at: Hop, asked: SourceRequest, cookies = createCookieJar()): Record<string, string> {
  const flat = headersOf(at, asked, cookies);
  const names = flat.filter((_, index) => index % 2 === 0);
  expect(new Set(names).size).toBe(names.length);
  return Object.fromEntries(names.map((name, index) => [name, flat[2 * index + 1] ?? '']));
}

const always = { accept: '*/*', 'accept-encoding': 'identity', connection: 'close' };

describe('headers', () => {
  it('are those of the stream, at its own host', () => {
    const own = { 'user-agent': 'VLC', referer: 'http://a/', cookie: 'a=1', accept: 'video/*', 'X-Token': 't' };
    expect(sent(hop('http://host:8080/a'), request(own))).toEqual({
      ...always,
      host: 'host:8080',
      'user-agent': 'VLC',
      referer: 'http://a/',
      cookie: 'a=1',
      accept: 'video/*',
      'x-token': 't',
    });
  });

  it('are the user agent and the range only, at another', () => {
    const own = { 'user-agent': 'VLC', authorization: 'Bearer a', cookie: 'a=1', 'x-token': 't' };
    const asked = request(own, { range: 'bytes=5-', ifRange: '"1"' });
    expect(sent(hop('http://other/a', false), asked)).toEqual({
      ...always,
      host: 'other',
      'user-agent': 'VLC',
      range: 'bytes=5-',
      'if-range': '"1"',
    });
  });

  it.each([
    ['of the connection', { connection: 'upgrade', upgrade: 'h2c', te: 'trailers', 'transfer-encoding': 'chunked' }],
    ['of the relay', { host: 'evil', 'accept-encoding': 'gzip', range: 'bytes=0-', 'Content-Length': '5' }],
    ['that no header can be', { 'a b': 'c', 'x-y': 'a\r\nb: c', 'x-z': '\u2028', '': 'a' }],
  ])('of the stream are left out: those %s', (_name, headers) => {
    expect(sent(hop('http://host/'), request(headers))).toEqual({ ...always, host: 'host' });
  });

  it('may have names that objects have', () => {
    const headers = headersOf(
      hop('http://host/'),
      request(JSON.parse('{"__proto__":"a"}') as Record<string, string>),
      createCookieJar(),
    );
    expect(headers).toContain('__proto__');
  });

  it.each([
    ['http://user:pass@host/', 'user:pass'],
    ['http://us%40er:p%C3%A4ss@host/', 'us@er:päss'],
    ['http://user@host/', 'user:'],
    ['http://us%zz:a@host/', 'us%zz:a'],
  ])('hold the credentials of %s', (url, credentials) => {
    const { authorization } = sent(hop(url), request());
    expect(Buffer.from(authorization?.replace('Basic ', '') ?? '', 'base64').toString()).toBe(credentials);
    expect(sent(hop(url), request({ authorization: 'Bearer a' }))['authorization']).toBe('Bearer a');
  });
});

describe('redirects', () => {
  it.each<[string, string, string, boolean]>([
    ['http://host/a/b', 'c', 'http://host/a/c', true],
    ['http://host/a/b', '/c#d', 'http://host/c', true],
    ['http://host/a', '/\u00c3\u00a4 b', 'http://host/%c3%a4%20b', true],
    ['http://host/a', 'http://host:80/c', 'http://host/c', true],
    ['http://host/a', 'https://host/c', 'https://host/c', true],
    ['http://host/a', '//other/c', 'http://other/c', false],
    ['http://host/a', 'http://sub.host/c', 'http://sub.host/c', false],
    ['http://host/a', 'http://host:8080/c', 'http://host:8080/c', false],
    ['https://host/a', 'http://host/c', 'http://host/c', false],
    ['http://host:8080/a', 'https://host/c', 'https://host/c', false],
    ['http://u:p@host/a', '/c', 'http://u:p@host/c', true],
    ['http://u:p@host/a', 'http://host/c', 'http://u:p@host/c', true],
    ['http://u:p@host/a', 'http://v:q@host/c', 'http://v:q@host/c', true],
    ['http://u:p@host/a', 'http://other/c', 'http://other/c', false],
    ['http://u:p@host/a', '//other/c', 'http://other/c', false],
  ])('from %s to %s', (from, location, to, isOwn) => {
    const next = nextHop(hop(from), location);
    expect(next?.url.href).toBe(to);
    expect(next?.isOwn).toBe(isOwn);
  });

  it('that come back have not got the headers of the stream any more', () => {
    const away = nextHop(hop('http://host/a'), 'http://other/');
    expect(away && nextHop(away, 'http://host/a')).toMatchObject({ isOwn: false });
  });

  it.each([
    [undefined],
    ['file:///etc/passwd'],
    ['ftp://host/'],
    ['javascript:alert(1)'],
    ['http://ho st/'],
    ['http://'],
  ])('to %s lead nowhere', (location) => {
    expect(nextHop(hop('http://host/a'), location)).toBeUndefined();
  });
});

describe('cookies', () => {
  const host = new URL('http://host/a');

  it.each<[string, readonly string[], string, string | undefined, string | undefined]>([
    ['one', ['a=1; Path=/; HttpOnly'], 'http://host/b', undefined, 'a=1'],
    ['two, beside those of the stream', ['a=1', 'b=2'], 'http://host/b', 'c=3; b=0', 'c=3; a=1; b=2'],
    ['the last of one name', ['a=1', 'a=2'], 'http://host/b', undefined, 'a=2'],
    ['none for another host', ['a=1; Domain=other'], 'http://other/', undefined, undefined],
    ['none for another port', ['a=1'], 'http://host:81/', undefined, undefined],
    ['none that is for https only', ['a=1; Secure'], 'http://host/', undefined, undefined],
    ['that, over https', ['a=1; Secure'], 'https://host/', undefined, 'a=1'],
    ['nothing of what is none', ['', 'a', '=b', `a=${'b'.repeat(5000)}`], 'http://host/', undefined, undefined],
  ])('%s', (_name, lines, to, own, expected) => {
    const jar = createCookieJar();
    jar.add(host, lines);
    expect(jar.of(new URL(to), own)).toBe(expected);
  });

  it('are bounded in number', () => {
    const jar = createCookieJar();
    for (let index = 0; index < 1000; index++) jar.add(host, [`a${index}=b`]);
    expect(jar.of(host, undefined)?.split('; ')).toHaveLength(50);
  });
});
