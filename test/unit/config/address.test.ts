import fc from 'fast-check';
import { formatAddress, parseHostPort, parseListen, parseSocketAddress } from '../../../src/config/address';

it.each([
  '',
  ':',
  '1',
  '127.0.0.1',
  '127.0.0.1:',
  '127.0.0.1:65536',
  '127.0.0:1',
  '1:2:3',
  '::1:80',
  '[127.0.0.1]:80',
  '[::g]:80',
  '-a:1',
  'a b:1',
  'a\n:1',
  '[]:1',
  'a:1\n',
])('%j is no HOST:PORT', (text) => expect(parseHostPort(text)).toBeUndefined());

it.each([
  '',
  '/',
  '/a/',
  'a.sock',
  'unix@',
  'unix@a',
  'unix@127.0.0.1:1',
  'ipv4@/a',
  'ipv4@[::1]:1',
  'ipv6@127.0.0.1:1',
  'abns@x',
  'fd@3',
  '127.0.0.1:0',
  '/a b',
  '/a\n',
  `/${'a'.repeat(107)}`,
  '::1:',
  'ipv6@:1',
])('%j is no address of a stats socket', (text) => expect(parseSocketAddress(text)).toBeUndefined());

it('every text is an address or none, and an address is written so that it reads the same', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.ipV4(),
    fc.ipV6().map((ip) => `[${ip}]:1`),
    fc.webUrl(),
    fc.domain().map((name) => `${name}:80`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      for (const parse of [parseHostPort, parseListen, parseSocketAddress]) {
        const address = parse(text);
        if (address !== undefined) expect(parse(formatAddress(address))).toEqual(address);
      }
    }),
  );
});
