import { parsedUrl } from '../../../src/wire';

test.each([
  ['http://host/a', undefined, 'http://host/a'],
  ['b', 'http://host/a/c', 'http://host/a/b'],
  ['b', undefined, undefined],
  ['http://', undefined, undefined],
  ['http://a b/', undefined, undefined],
])('%s with base %s is %s', (text, base, href) => {
  expect(parsedUrl(text, base === undefined ? undefined : new URL(base))?.href).toBe(href);
});

test('letters of Latin-1 are read however often', () => {
  const read = new Set(Array.from({ length: 50_000 }, () => parsedUrl('http://straße.example/é')?.href));
  expect([...read]).toEqual(['http://xn--strae-oqa.example/%C3%A9']);
});
