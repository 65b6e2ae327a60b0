import type { IncomingMessage } from 'node:http';
import { makeClientIp } from '../../../src/sim/client-ip';

const request = (peer: string, headers: Record<string, string>) =>
  ({ socket: { remoteAddress: peer }, headers }) as unknown as IncomingMessage;

it.each([
  ['nobody is trusted', [], '10.0.0.1', { 'x-forwarded-for': '192.0.2.1' }, '10.0.0.1'],
  ['the peer is not trusted', ['10.0.0.2'], '10.0.0.1', { 'x-forwarded-for': '192.0.2.1' }, '10.0.0.1'],
  ['the peer is trusted', ['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '192.0.2.1' }, '192.0.2.1'],
  ['a network is trusted', ['10.0.0.0/8'], '10.9.9.9', { 'x-forwarded-for': '192.0.2.1' }, '192.0.2.1'],
  ['a client makes addresses up', ['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': '1.1.1.1, 192.0.2.1' }, '192.0.2.1'],
  ['two proxies', ['10.0.0.0/8'], '10.0.0.1', { 'x-forwarded-for': '192.0.2.1, 10.0.0.2' }, '192.0.2.1'],
  ['nothing but proxies', ['10.0.0.0/8'], '10.0.0.1', { 'x-forwarded-for': '10.0.0.3, 10.0.0.2' }, '10.0.0.3'],
  ['nonsense', ['10.0.0.1'], '10.0.0.1', { 'x-forwarded-for': 'me' }, '10.0.0.1'],
  [
    'nonsense, and X-Real-IP',
    ['10.0.0.1'],
    '10.0.0.1',
    { 'x-forwarded-for': 'me', 'x-real-ip': '192.0.2.9' },
    '192.0.2.9',
  ],
  ['no header', ['10.0.0.1'], '10.0.0.1', {}, '10.0.0.1'],
  ['IPv6', ['::1', 'fd00::/8'], 'fd00::5', { 'x-forwarded-for': '2001:db8::1' }, '2001:db8::1'],
] as const)('%s', (_, trusted, peer, headers, expected) => {
  expect(makeClientIp(trusted)(request(peer, headers))).toBe(expected);
});

it.each(['10.0.0.0/33', 'localhost', '10.0.0.0/', '::/129', ''])('refuses to trust %j', (entry) => {
  expect(() => makeClientIp([entry])).toThrow(/allowed are IP addresses and networks such as 10\.0\.0\.0\/8/);
});
