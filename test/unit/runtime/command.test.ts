import fc from 'fast-check';
import { commandLine } from '../../../src/runtime/command';

it.each([
  [['show', 'info'], 'show info'],
  [['show', 'servers', 'state', 'mtx'], 'show servers state mtx'],
  [['clear', 'table', 'sessions', 'key', 'live/a|3b2f-1'], 'clear table sessions key live/a|3b2f-1'],
  [['set', 'server', 'mtx/mtx1', 'addr', '::1'], 'set server mtx/mtx1 addr ::1'],
])('%j', (words, line) => expect(commandLine(words)).toEqual({ ok: true, value: line }));

it.each([
  [['show', 'a;b'], '"a;b" cannot be sent to HAProxy: ";" is not allowed'],
  [['show', 'a\nb'], '"a\\nb" cannot be sent to HAProxy: "\\n" is not allowed'],
  [['show', 'a\\'], '"a\\\\" cannot be sent to HAProxy: "\\\\" is not allowed'],
  [['show info'], '"show info" cannot be sent to HAProxy: " " is not allowed'],
  [['show', '<<'], '"<<" cannot be sent to HAProxy: "<" is not allowed'],
  [['show', 'ä'], '"ä" cannot be sent to HAProxy: "ä" is not allowed'],
  [['show', '\u009b2J'], '"\\u009b2J" cannot be sent to HAProxy: "\\u009b" is not allowed'],
  [['show', ''], '"" cannot be sent to HAProxy: the word is empty'],
  [['show', 'a'.repeat(1025)], 'the word has 1025 characters, more than 1024'],
  [[], 'a command has 1 to 63 words, not 0'],
  [Array(64).fill('a'), 'a command has 1 to 63 words, not 64'],
  [Array(10).fill('a'.repeat(1000)), 'the command has 10009 characters, more than 8192'],
])('refuses %j', (words, message) => {
  expect(commandLine(words as string[])).toEqual({
    ok: false,
    error: { reason: 'invalid-command', message: expect.stringContaining(message) },
  });
});

it('lets through nothing that HAProxy could read as anything but these words', () => {
  const word = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom('a', 'live/a', ';', ' ', '\\', '\n', '\r', '\t', '\0', '<<'),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), (words) => {
      const line = commandLine(words);
      if (line.ok) {
        expect(line.value.split(' ')).toEqual(words);
        expect(line.value).toMatch(/^[!-~]+( [!-~]+)*$/);
        expect(line.value).not.toMatch(/[;\\<"']/);
      }
    }),
  );
});
