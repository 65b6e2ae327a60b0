import { errorCode, errorText } from '../../../src/wire';

test.each<[what: string, error: unknown, text: string, code: string | undefined]>([
  ['an Error', new Error('disk full'), 'disk full', undefined],
  [
    'an Error with a code',
    Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
    'connect ECONNREFUSED',
    'ECONNREFUSED',
  ],
  [
    'one of several addresses, which has no message',
    Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }),
    'ECONNREFUSED',
    'ECONNREFUSED',
  ],
  ['an Error that says nothing', new RangeError(), 'RangeError', undefined],
  ['a text', 'no', 'no', undefined],
  ['nothing', undefined, 'undefined', undefined],
  ['a code that is a number', { code: 5, message: 'exit' }, 'exit', undefined],
])('%s', (_what, error, text, code) => {
  expect(errorText(error)).toBe(text);
  expect(errorCode(error)).toBe(code);
});
