import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { compareVersions, evaluateBlockCondition } from '../../../src/check/block-condition';
import { parseConfig } from '../../../src/check/parse-config';
import { parseSpoeConfig } from '../../../src/check/parse-spoe-config';

const facts = { environment: new Map([['BRIDGE', 'lua']]), version: '3.0.11-1+deb13u3' };
const parse = (text: string, version: string | undefined = facts.version) =>
  parseConfig([{ file: 'h.cfg', text }], { ...facts, version });
const words = (text: string, version?: string) =>
  parse(text, version).sections.flatMap(({ lines }) => lines.map((line) => line.words.join(' ')));

describe('conditions of .if', () => {
  it.each([
    ['', false],
    ['1', true],
    ['0', false],
    ['!0', true],
    ['!!1', true],
    ['streq(a,a)', true],
    ['streq(a,b)', false],
    ['strneq(a,b)', true],
    ['strstr(haystack,st)', true],
    ['defined(BRIDGE)', true],
    ['defined(NONE)', false],
    ['version_atleast(3.0)', true],
    ['version_atleast(3.0.12)', false],
    ['version_before(3.1)', true],
    ['streq(a,a) && version_before(2.9)', false],
    ['streq(a,b) || defined(BRIDGE)', true],
    ['0 || 1 && 0', false],
    ['(0 || 1) && !(0)', true],
    ['feature(OPENSSL)', undefined],
    ['feature(OPENSSL) || 1', true],
    ['feature(OPENSSL) && 0', false],
    ['streq(a', undefined],
    ['(1', undefined],
    ['1 1', undefined],
    ['nonsense', undefined],
    [`${'('.repeat(5000)}1`, undefined],
  ])('%s', (text, value) => {
    expect(evaluateBlockCondition(text, facts)).toBe(value);
  });

  it('cannot tell of a version that is not known', () => {
    expect(evaluateBlockCondition('version_atleast(2.9)', { ...facts, version: undefined })).toBeUndefined();
  });

  it('compares versions by their numbers', () => {
    expect(compareVersions('2.10', '2.9')).toBeGreaterThan(0);
    expect(compareVersions('3.0', '3.0.0')).toBe(0);
    expect(compareVersions('2.6.12-1+deb12u4', '2.6.13')).toBeLessThan(0);
    expect(compareVersions('git', '2.6')).toBeUndefined();
  });
});

describe('parseConfig', () => {
  it('keeps sections, names, lines and where they stand', () => {
    const { sections } = parse('# x\nglobal\n  maxconn 8\n\nbackend b from d # y\n  server s1 1.2.3.4:80\n');
    expect(sections).toEqual([
      {
        kind: 'global',
        name: '',
        words: [],
        file: 'h.cfg',
        line: 2,
        lines: [{ file: 'h.cfg', line: 3, words: ['maxconn', '8'], text: 'maxconn 8' }],
      },
      {
        kind: 'backend',
        name: 'b',
        words: ['b', 'from', 'd'],
        file: 'h.cfg',
        line: 5,
        lines: [{ file: 'h.cfg', line: 6, words: ['server', 's1', '1.2.3.4:80'], text: 'server s1 1.2.3.4:80' }],
      },
    ]);
  });

  it('takes the branch that holds, blocks in blocks too', () => {
    const text = `global
.if streq("\${BRIDGE-spoe}",lua)
  a
.if version_atleast(3.1)
  b
.elif version_atleast(3.0)
  c
.else
  d
.endif
.else
  e
.if 1
  f
.endif
.endif
  g`;
    expect(words(text)).toEqual(['a', 'c', 'g']);
    expect(words(text, '3.2.1')).toEqual(['a', 'b', 'g']);
    expect(words(text, '2.6')).toEqual(['a', 'd', 'g']);
  });

  it('keeps what depends on a condition that cannot be told, and says so', () => {
    const text = 'global\n.if feature(X)\n  a\n.else\n  b\n.endif\n  c';
    expect(words(text)).toEqual(['a', 'b', 'c']);
    expect(parse(text).undecided).toEqual([{ file: 'h.cfg', line: 2, message: 'the condition "feature(X)"' }]);
  });

  it('follows setenv and its kin', () => {
    const text =
      'global\n setenv A 1\n presetenv A 2\n presetenv B 2\n x "$A$B"\n unsetenv A\n x "${A-0}"\n resetenv A\n x "$B"';
    expect(words(text).filter((line) => line.startsWith('x'))).toEqual(['x 12', 'x 0', 'x ']);
  });

  it('remarks upon what HAProxy would refuse', () => {
    const text = 'maxconn 1\nglobal\n.else\n log "x\n.if 1\n';
    expect(parse(text).mistakes).toEqual([
      { file: 'h.cfg', line: 1, message: '"maxconn" stands before any section' },
      { file: 'h.cfg', line: 3, message: '.else without .if' },
      { file: 'h.cfg', line: 4, message: 'a " that is not closed' },
      { file: 'h.cfg', line: 6, message: '.if without .endif' },
    ]);
  });

  it('takes any text, and any change of the shipped one', () => {
    const shipped = readFileSync('haproxy/haproxy.cfg', 'utf8');
    const mutation = fc.tuple(
      fc.nat(shipped.length),
      fc.nat(40),
      fc.string({ unit: fc.constantFrom('.if ', '.endif', '\n', '"', '}', 'global', ' ') }),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          mutation.map(([at, gone, put]) => shipped.slice(0, at) + put + shipped.slice(at + gone)),
        ),
        (text) => {
          const { sections } = parse(text);
          const numbers = sections.flatMap((section) => [section.line, ...section.lines.map(({ line }) => line)]);
          expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
          expect(sections.every((section) => section.lines.every((line) => line.words.length > 0))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('parseSpoeConfig', () => {
  it('reads what is for the engine', () => {
    const text =
      '[waf]\nspoe-agent a\n use-backend x\n[mtx]\nspoe-agent mtx\n timeout processing "${T-100ms}"\nspoe-group g\n';
    const sections = parseSpoeConfig({ file: 's.cfg', text }, 'mtx', new Map());
    expect(sections.map(({ kind, name, line }) => [kind, name, line])).toEqual([
      ['spoe-agent', 'mtx', 5],
      ['spoe-group', 'g', 7],
    ]);
    expect(sections[0]?.lines[0]?.words).toEqual(['timeout', 'processing', '100ms']);
    expect(parseSpoeConfig({ file: 's.cfg', text }, 'other', new Map())).toEqual([]);
    expect(parseSpoeConfig({ file: 's.cfg', text: 'spoe-agent all' }, 'other', new Map())).toHaveLength(1);
  });
});
