import { childQuery, decodePath, encodeQuery, parseQuery, queryValue, requestTarget } from '../../../src/sim/query';

// Expected values: Go's net/url, which MediaMTX uses.
describe('a query', () => {
  it.each([
    ['', '', true],
    ['b=2&a=1', 'a=1&b=2', true],
    ['a=2&a=1', 'a=2&a=1', true],
    ['a', 'a=', true],
    ['a=b=c', 'a=b%3Dc', true],
    ['a=+%20%2B', 'a=++%2B', true],
    ['&&a=1&', 'a=1', true],
    ['=x', '=x', true],
    ["a=!'()*~-._", 'a=%21%27%28%29%2A~-._', true],
    ['a=%C3%A4', 'a=%C3%A4', true],
    ['a=%zz&b=1', 'b=1', false],
    ['a=%4', '', false],
    ['a;b=1&c=2', 'c=2', false],
    ['a=%3B', 'a=%3B', true],
    ['Z=1&a=1', 'Z=1&a=1', true],
  ])('%j is sorted and encoded as %j', (raw, encoded, isValid) => {
    const parsed = parseQuery(raw);
    expect([encodeQuery(parsed.query), parsed.isValid]).toEqual([encoded, isValid]);
  });

  it('gives the first of several values', () => {
    const { query } = parseQuery('a=1&a=2');
    expect([queryValue(query, 'a'), queryValue(query, 'b')]).toEqual(['1', undefined]);
  });

  it.each([
    ['', ''],
    ['b=2&_HLS_msn=7&_HLS_part=0&a=1', 'a=1&b=2'],
    ['_HLS_skip=YES', ''],
    ['hls_msn=1', 'hls_msn=1'],
    ['_HLS_msn=7&a=%zz', '_HLS_msn=7&a=%zz'],
  ])('%j is handed to children as %j', (raw, handed) => {
    expect(childQuery(raw)).toBe(handed);
  });
});

describe('a path', () => {
  it.each([
    ['/live/a', '/live/a'],
    ['/live%2Fa', '/live/a'],
    ['/a+b', '/a+b'],
    ['/a%20b', '/a b'],
    ['/%C3%A4', '/ä'],
    ['/%zz', undefined],
    ['/%', undefined],
  ])('%s is decoded as %s', (raw, decoded) => {
    expect(decodePath(raw)).toBe(decoded);
  });

  it('is read as UTF-8', () => {
    const latin1 = Buffer.from('/ä?b=ö').toString('latin1');
    expect(requestTarget(latin1)).toEqual({ rawPath: '/ä', rawQuery: 'b=ö' });
    expect(requestTarget('/a?b?c')).toEqual({ rawPath: '/a', rawQuery: 'b?c' });
    expect(requestTarget(undefined)).toEqual({ rawPath: '/', rawQuery: '' });
  });
});
