import { streamNameError } from '../../../src/sim/stream-name';

it.each(['a', 'live/a', 'live/studio/a', 'a.b-c_D/9', '...', 'a..b'])('allows %s', (name) => {
  expect(streamNameError(name)).toBeUndefined();
});

it.each([
  ['', 'cannot be empty'],
  ['/a', "can't begin with a slash"],
  ['a/', "can't end with a slash"],
  ['a b', 'can contain only alphanumeric characters, underscore, dot, minus, slash'],
  ['a\n', 'can contain only alphanumeric characters, underscore, dot, minus, slash'],
  ['ä', 'can contain only alphanumeric characters, underscore, dot, minus, slash'],
  ['a/../b', "can't contain dot path segments"],
  ['.', "can't contain dot path segments"],
])('refuses %j', (name, error) => {
  expect(streamNameError(name)).toBe(error);
});
