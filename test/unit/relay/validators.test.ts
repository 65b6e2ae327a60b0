import { ifRangeOf, isSameFile, readValidators } from '../../../src/relay/validators';

const changed = 'Sun, 01 Nov 2026 10:00:00 GMT';
const later = 'Sun, 01 Nov 2026 11:00:00 GMT';
const atOnce = 'Sun, 01 Nov 2026 10:00:59 GMT';

const of = (etag?: string, lastModified?: string, date = later) =>
  readValidators({ etag, 'last-modified': lastModified, date });

test.each([
  ['a strong tag', of('"a"', changed), '"a"'],
  ['a weak tag', of('W/"a"', changed), undefined],
  ['no tag and a date', of(undefined, changed), changed],
  ['no tag and a date that is too near', of(undefined, changed, atOnce), undefined],
  ['no tag and no time of the answer', of(undefined, changed, ''), undefined],
  ['a tag without quotes', of('a', changed), undefined],
  ['nothing', of(), undefined],
])('If-Range of %s', (_, validators, expected) => {
  expect(ifRangeOf(validators)).toBe(expected);
});

test.each([
  ['the same strong tag', of('"a"'), of('"a"'), true],
  ['the same strong tag, other dates', of('"a"', changed), of('"a"', later), true],
  ['other strong tags', of('"a"', changed), of('"b"', changed), false],
  ['the same weak tag alone', of('W/"a"'), of('W/"a"'), false],
  ['the same weak tag, the same date', of('W/"a"', changed), of('W/"a"', changed), true],
  ['the same weak tag, a date that is too near', of('W/"a"', changed, atOnce), of('W/"a"', changed), false],
  ['other weak tags, the same date', of('W/"a"', changed), of('W/"b"', changed), false],
  ['a strong tag and the same as a weak one', of('"a"'), of('W/"a"'), false],
  ['a strong tag and the same as a weak one, the same date', of('"a"', changed), of('W/"a"', changed), true],
  ['a tag and none, the same date', of('"a"', changed), of(undefined, changed), true],
  ['a tag and none', of('"a"'), of(), false],
  ['the same date', of(undefined, changed), of(undefined, changed), true],
  ['the same date, too near at one of them', of(undefined, changed), of(undefined, changed, atOnce), false],
  ['other dates', of(undefined, changed), of(undefined, atOnce), false],
  ['the same text that is no date', of(undefined, 'yesterday'), of(undefined, 'yesterday'), false],
  ['nothing', of(), of(), false],
])('%s: the same file?', (_, one, other, expected) => {
  expect(isSameFile(one, other)).toBe(expected);
  expect(isSameFile(other, one)).toBe(expected);
});
