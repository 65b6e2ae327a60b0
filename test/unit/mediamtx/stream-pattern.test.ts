import fc from 'fast-check';
import { streamPattern } from '../../../src/mediamtx/stream-pattern';

/** The same, said as simply as can be: a wildcard takes nothing, or one more character and is tried again. */
function naive(glob: string, name: string): boolean {
  if (glob === '') return name === '';
  if (glob.startsWith('**')) return naive(glob.slice(2), name) || (name !== '' && naive(glob, name.slice(1)));
  if (glob.startsWith('*')) {
    return naive(glob.slice(1), name) || (name !== '' && !name.startsWith('/') && naive(glob, name.slice(1)));
  }
  return name !== '' && glob.charAt(0) === name.charAt(0) && naive(glob.slice(1), name.slice(1));
}

/** Processor time of this process for so many comparisons, in ms: what others on the machine do does not count. */
function costMs(fits: (name: string) => boolean, name: string): number {
  const before = process.cpuUsage();
  for (let i = 0; i < 20_000; i++) fits(name);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

describe('a pattern of stream names', () => {
  it.each([
    ['live/*', 'live/a', true],
    ['live/*', 'live/', true],
    ['live/*', 'live/a/b', false],
    ['live/**', 'live/a/b', true],
    ['**/cam', 'cam', false],
    ['**/cam', 'a/b/cam', true],
    ['**cam', 'cam', true],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a.c', 'abc', false],
    ['a*b*c', 'aXbYbZc', true],
    ['a*b*c', 'aXbY/bZc', false],
    ['**a*b', 'xa/yab', true],
    ['ä*', 'äb', false],
    ['*', 'ä€😀', true],
  ])('%j and %j: %s', (glob, name, expected) => expect(streamPattern(glob)(name)).toBe(expected));

  it('says what the plainest reading says, whatever the pattern and the name', () => {
    const globs = fc.array(fc.constantFrom('a', 'b', '/', '*', '**'), { maxLength: 8 });
    const names = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 10 });
    fc.assert(
      fc.property(globs, names, (glob, name) => {
        expect(streamPattern(glob.join(''))(name.join(''))).toBe(naive(glob.join(''), name.join('')));
      }),
      { numRuns: 20_000 },
    );
  });

  it('is right over the ends of words: patterns of 0 to 200 letters', () => {
    for (let length = 0; length <= 200; length++) {
      const text = 'abcdefg/'.repeat(25).slice(0, length);
      expect(streamPattern(text)(text)).toBe(true);
      expect(streamPattern(`**${text}*`)(`x/${text}y`)).toBe(true);
      expect(streamPattern(`${text}**x`)(`${text}a/bx`)).toBe(true);
      expect(streamPattern(text)(`${text}a`)).toBe(false);
      expect(length > 0 && streamPattern(text)(text.slice(0, -1))).toBe(false);
    }
  });

  it('is not slower with names made to be hard for it', () => {
    const easy = costMs(streamPattern('**x**x**y'), 'a'.repeat(200));
    for (const glob of ['**a**a**b', '*a*a*b', '**a*a**b', '**aaaaaaaaaa**aaaaaaaaaa*b', '***']) {
      // An expression that goes back takes a thousand times the time and more.
      expect(costMs(streamPattern(glob), 'a'.repeat(200))).toBeLessThan(10 * easy + 100);
    }
  });
});
