import { addressKey, type PlaceHolder, whoGoes } from '../../../src/wire/places';

const holder = (address: string, hasAsked: boolean, lastMs: number): PlaceHolder => ({ address, hasAsked, lastMs });

it.each<[string, PlaceHolder[], number | undefined]>([
  ['nobody, of nobody', [], undefined],
  ['who never asked, however long the others have been silent', [holder('a', true, 1), holder('a', false, 9)], 1],
  ['the longest silent of those who never asked', [holder('a', false, 5), holder('a', false, 3)], 1],
  ['the longest silent of those who asked', [holder('a', true, 5), holder('a', true, 3)], 1],
  ['one of the address that holds most', [holder('a', true, 1), holder('b', true, 5), holder('b', true, 3)], 2],
  [
    'one of the address that holds most, asked or not',
    [holder('a', false, 1), holder('b', false, 5), holder('b', true, 3)],
    1,
  ],
])('goes: %s', (_what, holders, index) => {
  expect(whoGoes(holders)).toBe(index === undefined ? undefined : holders[index]);
});

it('leaves those that must stay', () => {
  const holders = [holder('a', false, 1), holder('a', true, 2)];
  expect(whoGoes(holders, ({ hasAsked }) => hasAsked)).toBe(holders[1]);
  expect(whoGoes(holders, () => false)).toBeUndefined();
});

it.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:127.0.0.1', '127.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0db8:1:2::6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  [undefined, ''],
])('counts %s as %s', (given, key) => {
  expect(addressKey(given)).toBe(key);
});
