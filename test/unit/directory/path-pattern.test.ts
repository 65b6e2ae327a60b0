import { compilePathPattern } from '../../../src/directory/path-pattern';

describe('compilePathPattern', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['^live/', ['live/a', 'live/a/b'], ['xlive/a', 'live']],
    ['cam', ['a/cam/b', 'cam'], ['ca/m']],
    ['^cam([0-9]+)$', ['cam7', 'cam42'], ['cam', 'cam7x']],
    ['(?P<name>a+)$', ['ba', 'baaa'], ['ab']],
    ['(?i)^LIVE', ['live/x', 'Live'], ['alive']],
    ['^\\Qa.b\\E$', ['a.b'], ['axb']],
    ['^[[:alpha:]]+$', ['abc'], ['ab1']],
    ['^a\\z', ['a'], ['ab']],
    ['^.*$', ['anything/at.all'], []],
    ['', ['anything'], []],
  ])('%s is read as Go reads it', async (text, matching, others) => {
    const pattern = await compilePathPattern(text);
    expect(matching.filter((name) => pattern?.test(name) !== true)).toEqual([]);
    expect(others.filter((name) => pattern?.test(name) !== false)).toEqual([]);
  });

  it.each([
    ['looks ahead', '^(?!live)'],
    ['refers back', '(a)\\1'],
    ['is not closed', '(a'],
    ['repeats too much', '(a{100}){100}'],
    ['is too long', 'a'.repeat(257)],
    ['is too large', '(.{500}){2}'],
  ])('makes nothing of one that %s', async (_, text) => {
    expect(await compilePathPattern(text)).toBeUndefined();
  });

  it('takes time in proportion to the name, where backtracking would not end', async () => {
    const pattern = await compilePathPattern('^(([a-z])+.)+[A-Z]([a-z])+$');
    expect(pattern?.test('a'.repeat(200))).toBe(false);
    expect(pattern?.test(`${'a'.repeat(199)}/`)).toBe(false);
  });

  it('gives up one that takes too long for one name after the other, and not one that did so now and then', async () => {
    let nowMs = 0;
    let testMs = 0;
    // Asked before and after each test.
    const usedMs = () => (nowMs += testMs);
    const pattern = await compilePathPattern('^live/', usedMs);
    let names = 0;
    const test = (tookMs: number) => {
      testMs = tookMs;
      return pattern?.test(`live/${names++}`);
    };
    // The first ones build tables.
    expect([50, 50, 50, 50, 50, 1, 50, 50, 1].map(test)).toEqual(Array.from({ length: 9 }, () => true));
    expect([50, 50, 50].map(test)).toEqual([true, true, true]);
    expect([1, 1].map(test)).toEqual([undefined, undefined]);
  });
});
