import fc from 'fast-check';
import { splitLine } from '../../../src/check/split-line';

const environment = new Map([
  ['FOO', 'a b'],
  ['EMPTY', ''],
  ['LIST', 'one two  three'],
]);

describe('splitLine', () => {
  // Each as HAProxy 2.6 and 3.2 read it (`haproxy -dC`).
  it.each<[text: string, words: string[]]>([
    ['', []],
    ['   \t ', []],
    ['# only a comment', []],
    ['  retries 0  # why', ['retries', '0']],
    ['a#b c', ['a']],
    ['a\\#b \\# c', ['a#b', '#', 'c']],
    ['log\\ format x', ['log format', 'x']],
    [`"a b" 'c d'`, ['a b', 'c d']],
    [`a"b c"d`, ['ab cd']],
    [`"" ''`, ['', '']],
    [`"it's" 'say "x"'`, ["it's", 'say "x"']],
    [`"q\\"d" 's\\n'x`, ['q"d', 's\\nx']],
    ['"\\x41\\t\\$FOO"', ['A\t$FOO']],
    ['\\d+ \\. a\\', ['\\d+', '\\.', 'a\\']],
    ['$FOO ${FOO}', ['$FOO', '${FOO}']],
    [`'$FOO'`, ['$FOO']],
    ['"$FOO" "${FOO}x"', ['a b', 'a bx']],
    ['"${NONE-10.0.0.1:80}" "${NONE}" "$NONE"', ['10.0.0.1:80', '', '']],
    // A default is for what is not set; what is set and empty stays empty.
    ['"${EMPTY-x}" "${FOO-x}"', ['', 'a b']],
    ['"${LIST[*]}" "x${LIST[*]}y"', ['one', 'two', 'three', 'xone', 'two', 'threey']],
    ['bind :80\r', ['bind', ':80']],
  ])('%s', (text, words) => {
    expect(splitLine(text, environment)).toEqual({ words, mistake: undefined });
  });

  it.each([
    ['a "b', 'a " that is not closed'],
    ["a 'b", "a ' that is not closed"],
    ['"$"', 'a $ without the name of a variable'],
    ['"${FOO"', 'a $ without the name of a variable'],
    ['\\xZZ', '\\x without two hexadecimal digits'],
  ])('remarks upon %s', (text, mistake) => {
    expect(splitLine(text, environment).mistake).toBe(mistake);
  });

  it('gives back words that were quoted', () => {
    const word = fc.string({ unit: 'grapheme' }).filter((text) => !/[\n\r]/.test(text));
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const text = words.map((one) => `'${one.replaceAll("'", `'"'"'`)}'`).join(' ');
        expect(splitLine(text, new Map()).words).toEqual(words);
      }),
    );
  });

  it('takes any line', () => {
    const nasty = fc.string({
      unit: fc.constantFrom('"', "'", '\\', '$', '{', '}', '-', '#', ' ', 'x', 'F', '[*]', '\t'),
    });
    fc.assert(
      fc.property(nasty, (text) => {
        const { words } = splitLine(text, environment);
        expect(words.length).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes a long line', () => {
    const { words, mistake } = splitLine(`"${'${'.repeat(1_000_000)}`, environment);
    expect([words[0]?.length, mistake]).toEqual([2_000_000, 'a $ without the name of a variable']);
  });
});
