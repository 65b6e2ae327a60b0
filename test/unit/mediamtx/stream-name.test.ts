import fc from 'fast-check';
import { isStreamName, maxStreamNameLength, streamNamePattern } from '../../../src/mediamtx';

describe('isStreamName', () => {
  it.each(['a', 'live/a', 'live/studio/a', 'a.b', '...', '.a', 'a..b', 'A-Z_0~', 'live//a', 'x'.repeat(200)])(
    'takes %s',
    (name) => {
      expect(isStreamName(name)).toBe(true);
    },
  );

  it.each([
    '',
    '/',
    '/a',
    'a/',
    '.',
    '..',
    'a/..',
    '../a',
    'a/./b',
    'a b',
    'a%2Fb',
    'a;b',
    'a\nb',
    'a"b',
    "a'b",
    'ä',
    'a\u0000',
    'a\\b',
    'a?b',
    'a#b',
    'a:b',
    'x'.repeat(201),
  ])('refuses %j', (name) => {
    expect(isStreamName(name)).toBe(false);
  });

  it('is the rule that MediaMTX writes as a regular expression, for any text', () => {
    const rule = /^[0-9a-zA-Z_\-/.~]+$/;
    const reference = (name: string) =>
      name.length <= 200 &&
      rule.test(name) &&
      !name.startsWith('/') &&
      !name.endsWith('/') &&
      !name.split('/').some((part) => part === '.' || part === '..');
    const nasty = fc.string({
      unit: fc.constantFrom('a', 'Z', '9', '.', '/', '-', '~', '%', ' ', '\n', 'é'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(fc.oneof(nasty, fc.string({ maxLength: 210 })), (name) => isStreamName(name) === reference(name)),
      {
        numRuns: 5_000,
      },
    );
  });
});

it('the pattern for schemas and the check agree', () => {
  const pattern = new RegExp(streamNamePattern);
  const unit = fc.constantFrom('a', '9', '.', '/', '-', '~', '%', '\n');
  fc.assert(
    fc.property(
      fc.string({ unit, maxLength: 9 }),
      (name) => pattern.test(name) === isStreamName(name) && name.length <= maxStreamNameLength,
    ),
    { numRuns: 2000 },
  );
});
