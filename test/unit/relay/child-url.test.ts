import { childUrl, headersFor } from '../../../src/relay/child-url';

const list = 'http://user:word@host:8080/live/1/list.m3u8?token=1';

test.each([
  ['a.ts', 'http://user:word@host:8080/live/1/a.ts'],
  ['../a.ts?x#y', 'http://user:word@host:8080/live/a.ts?x'],
  ['http://host:8080/a', 'http://user:word@host:8080/a'],
  ['http://other@host:8080/a', 'http://other@host:8080/a'],
  ['http://cdn/a', 'http://cdn/a'],
  ['//cdn/a', 'http://cdn/a'],
  ['https://host:8080/a', 'https://host:8080/a'],
  ['file:///etc/passwd', undefined],
  ['skd://key', undefined],
  ['data:text/plain,x', undefined],
  ['http://', undefined],
  ['x'.repeat(5000), undefined],
])('%s', (uri, url) => {
  expect(childUrl(uri, list)).toBe(url);
});

test('headers of the stream are for its own host', () => {
  const headers = { 'user-agent': 'box', authorization: 'geheim' };
  expect(headersFor('http://host:8080/x', list, headers)).toEqual(headers);
  expect(headersFor('http://host/x', list, headers)).toEqual({ 'user-agent': 'box' });
  expect(headersFor('http://cdn/x', list, { cookie: 'geheim' })).toEqual({});
});
