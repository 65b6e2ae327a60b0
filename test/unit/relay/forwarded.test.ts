import fc from 'fast-check';
import { createAddressOf } from '../../../src/relay/forwarded';

const trusted = ['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8'];

const ask = (remoteAddress: string | undefined, forwarded?: string | string[], proxies = trusted): string =>
  createAddressOf(proxies)({
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  });

test.each<readonly [string, string | undefined, string | undefined, string]>([
  ['a client without proxies', '192.0.2.1', undefined, '192.0.2.1'],
  ['a client that says it is another', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
  ['a client that says it comes by a trusted proxy', '192.0.2.1', '198.51.100.7, 127.0.0.1', '192.0.2.1'],
  ['a trusted proxy that says nothing', '127.0.0.1', undefined, '127.0.0.1'],
  ['a trusted proxy that says nothing in a header', '127.0.0.1', '', '127.0.0.1'],
  ['a client by a trusted proxy', '127.0.0.1', '192.0.2.1', '192.0.2.1'],
  ['a client by a proxy of a trusted network', '10.20.30.40', '192.0.2.1', '192.0.2.1'],
  ['a client by two trusted proxies', '127.0.0.1', '192.0.2.1, 10.0.0.1', '192.0.2.1'],
  ['a client by a proxy that nobody trusts', '127.0.0.1', '198.51.100.7, 192.0.2.1', '192.0.2.1'],
  ['a client that had said what it liked', '127.0.0.1', '1.1.1.1, evil, 192.0.2.1, 10.0.0.1', '192.0.2.1'],
  ['a client within the trusted network', '127.0.0.1', '10.0.0.5, 10.0.0.1', '10.0.0.5'],
  ['no spaces', '127.0.0.1', '192.0.2.1,10.0.0.1', '192.0.2.1'],
  ['many spaces', '127.0.0.1', '  192.0.2.1 ,\t10.0.0.1  ', '192.0.2.1'],
  ['a port', '127.0.0.1', '192.0.2.1:5000', '192.0.2.1'],
  ['IPv6', '::1', '2001:db8::7', '2001:db8::7'],
  ['IPv6 in capitals', '::1', '2001:DB8::7', '2001:db8::7'],
  ['IPv6 in brackets', '::1', '[2001:db8::7]', '2001:db8::7'],
  ['IPv6 with a port', '::1', '[2001:db8::7]:5000', '2001:db8::7'],
  ['an IPv6 proxy of a trusted network', 'fd00::1', '2001:db8::7, fd12::1', '2001:db8::7'],
  ['IPv4 within IPv6', '::ffff:127.0.0.1', '::ffff:192.0.2.1', '192.0.2.1'],
  ['an IPv4 client within IPv6', '::ffff:192.0.2.1', '198.51.100.7', '192.0.2.1'],
  ['a zone', 'fe80::1%eth0', '198.51.100.7', 'fe80::1'],
  ['what is no address', '127.0.0.1', 'unknown', '127.0.0.1'],
  ['what is no address, before one', '127.0.0.1', '192.0.2.1, unknown, 10.0.0.1', '10.0.0.1'],
  ['a number', '127.0.0.1', '3221225985', '127.0.0.1'],
  ['an empty place', '127.0.0.1', '192.0.2.1,', '127.0.0.1'],
  ['markup', '127.0.0.1', '<script>', '127.0.0.1'],
  ['no address at all', undefined, '192.0.2.1', ''],
  ['endless text', '127.0.0.1', 'x'.repeat(100_000), '127.0.0.1'],
  ['an endless chain', '127.0.0.1', `192.0.2.1${', 10.0.0.1'.repeat(5_000)}`, '10.0.0.1'],
])('%s', (_, remote, forwarded, expected) => {
  expect(ask(remote, forwarded)).toBe(expected);
});

test('several headers are one list', () => {
  expect(ask('127.0.0.1', ['1.1.1.1', '192.0.2.1, 10.0.0.1'])).toBe('192.0.2.1');
});

test('without trusted proxies nothing is believed', () => {
  expect(ask('127.0.0.1', '192.0.2.1', [])).toBe('127.0.0.1');
});

test.each(['', 'localhost', '10.0.0.0/33', '10.0.0/8', '::/129', '10.0.0.0/8/8', '10.0.0.0/x'])(
  'refuses %j as a trusted proxy',
  (network) => {
    expect(() => createAddressOf([network])).toThrow(RangeError);
  },
);

test('whatever a client says before the proxies write, its address is the one that they saw', () => {
  fc.assert(
    fc.property(fc.string(), (said) => {
      expect(ask('127.0.0.1', `${said}, 192.0.2.1, 10.0.0.1`)).toBe('192.0.2.1');
      expect(ask('192.0.2.1', said)).toBe('192.0.2.1');
    }),
  );
});
