import type { LookupAddress } from 'node:dns';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AddressGuard, createAddressGuard, type ResolvedAddress } from '../../../src/relay/address-guard';

const unaborted = (): AbortSignal => new AbortController().signal;

/** As a resolver answers. */
function addresses(...texts: readonly string[]): ResolvedAddress[] {
  return texts.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
}

/** Whether a URL may be asked: the word of the failure, or `ok`. */
async function verdict(guard: AddressGuard, url: string): Promise<string> {
  const { failure } = await guard.check(new URL(url), unaborted());
  return failure?.trigger ?? 'ok';
}

const noResolver = (): Promise<never> => Promise.reject(new Error('nothing is to be resolved'));

describe('literal addresses', () => {
  const guard = createAddressGuard({ allow: [], resolve: noResolver });

  it.each([
    // Loopback in all its spellings.
    '127.0.0.1',
    '127.255.255.254',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '017700000001',
    '0x7f.0.0x0.01',
    '127.0.0.1.',
    '①②⑦.0.0.1',
    '0',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:7f00:0001]',
    '[::127.0.0.1]',
    '[::ffff:0:127.0.0.1]',
    // Private, shared, link-local.
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '100.127.255.255',
    '[fc00::1]',
    '[fdff::1]',
    '[fe80::1]',
    '[fec0::1]',
    '[::ffff:192.168.1.1]',
    '[64:ff9b::10.0.0.1]',
    '[64:ff9b::a00:1]',
    '[64:ff9b:1::10.0.0.1]',
    '[2002:a00:1::]',
    '[2002:7f00:1::1]',
    '[2001:0:7f00:1::]',
    // Multicast, documentation, reserved.
    '224.0.0.1',
    '239.1.2.3',
    '240.0.0.1',
    '255.255.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '192.88.99.1',
    '[ff02::1]',
    '[2001:db8::1]',
    '[2001:10::1]',
    '[3fff::1]',
    '[100::1]',
    '[5f00::1]',
    '[4000::1]',
    // Metadata.
    '169.254.169.254',
    '0xa9fea9fe',
    '2852039166',
    '169.254.0.1',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    '[fd00:ec2::254]',
    '[fd20:ce::254]',
    '[fe80::a9fe:a9fe]',
    '[::ffff:169.254.169.254]',
    '[64:ff9b::169.254.169.254]',
    '[64:ff9b::168.63.129.16]',
    '[2002:a9fe:a9fe::]',
  ])('refuses %s', async (host) => {
    expect(await verdict(guard, `http://${host}/`)).toBe('forbidden');
  });

  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '169.253.1.1',
    '223.255.255.255',
    '[2606:4700::1111]',
    '[2a00::1]',
    '[::ffff:8.8.8.8]',
    '[64:ff9b::8.8.8.8]',
    '[2002:808:808::1]',
  ])('asks %s', async (host) => {
    expect(await verdict(guard, `https://user@${host}:8443/`)).toBe('ok');
  });
});

describe('the list of what may be asked', () => {
  const guard = createAddressGuard({
    allow: ['10.0.0.0/8', '192.168.1.4', 'fd00:1::/32', '::1', 'Inner.example', '100.64.0.0/10', '169.254.0.0/16'],
    resolve: (host) =>
      Promise.resolve(host.startsWith('meta') ? addresses('169.254.169.254') : addresses('192.168.7.7')),
  });

  it.each([
    ['10.1.2.3', 'ok'],
    ['0xa.1', 'ok'],
    ['[::ffff:10.1.2.3]', 'ok'],
    ['[64:ff9b::10.1.2.3]', 'ok'],
    ['11.1.2.3', 'ok'],
    ['127.0.0.1', 'forbidden'],
    ['192.168.1.4', 'ok'],
    ['192.168.1.5', 'forbidden'],
    ['[fd00:1::7]', 'ok'],
    ['[fd00:2::7]', 'forbidden'],
    ['[::1]', 'ok'],
    ['inner.example', 'ok'],
    ['INNER.example.', 'ok'],
    ['other.inner.example', 'forbidden'],
    ['inner.example.evil', 'forbidden'],
    // Never, whatever the list says.
    ['169.254.169.254', 'forbidden'],
    ['100.100.100.200', 'forbidden'],
    ['[::ffff:100.100.100.200]', 'forbidden'],
  ])('%s: %s', async (host, expected) => {
    expect(await verdict(guard, `http://${host}/`)).toBe(expected);
  });

  it('does not open metadata by a name', async () => {
    const byName = createAddressGuard({
      allow: ['meta.example', '0.0.0.0/0', '::/0'],
      resolve: () => Promise.resolve(addresses('169.254.169.254', 'fd00:ec2::254', '::ffff:169.254.169.254')),
    });
    expect(await verdict(byName, 'http://meta.example/')).toBe('forbidden');
  });

  it.each(['10.0.0.0/33', '10.0.0/8', '::/129', '10.0.0.0/x', 'a b', '', '1.2.3', '10.0.0.0/8/8/', 'http://host'])(
    'refuses the entry %j',
    (entry) => {
      expect(() => createAddressGuard({ allow: [entry] })).toThrow(RangeError);
    },
  );
});

describe('names', () => {
  it.each<[string, ResolvedAddress[], string, string[]]>([
    ['public', addresses('8.8.8.8'), 'ok', ['8.8.8.8']],
    ['private', addresses('10.0.0.1'), 'forbidden', []],
    ['both: only the public one is connected to', addresses('10.0.0.1', '8.8.8.8', '::1'), 'ok', ['8.8.8.8']],
    ['none', [], 'connect', []],
    ['what is no address', [{ address: 'nonsense', family: 4 }], 'connect', []],
    ['with a zone', addresses('fe80::1%lo'), 'forbidden', []],
    ['a wrong family', [{ address: '::1', family: 4 }], 'forbidden', []],
    ['many', addresses(...Array.from({ length: 100 }, (_, i) => `8.8.8.${i}`)), 'ok', []],
  ])('%s', async (name, resolved, expected, connected) => {
    const guard = createAddressGuard({ allow: [], resolve: () => Promise.resolve(resolved) });
    const { failure, addresses: given = [] } = await guard.check(new URL('http://host.example/'), unaborted());
    expect(failure?.trigger ?? 'ok').toBe(expected);
    if (name === 'many') expect(given).toHaveLength(16);
    else expect(given.map(({ address }) => address)).toEqual(connected);
  });

  it('that cannot be resolved are told of as such', async () => {
    const guard = createAddressGuard({
      allow: [],
      resolve: () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })),
    });
    const { failure } = await guard.check(new URL('http://host.example/'), unaborted());
    expect(failure).toMatchObject({ trigger: 'connect', reason: expect.stringContaining('ENOTFOUND') });
  });

  it('are resolved once for all who come at the same time, and anew afterwards', async () => {
    let calls = 0;
    const guard = createAddressGuard({
      allow: [],
      resolve: () => {
        calls++;
        return Promise.resolve(addresses('8.8.8.8'));
      },
    });
    await Promise.all(Array.from({ length: 50 }, () => verdict(guard, 'http://host.example/')));
    expect(calls).toBe(1);
    await verdict(guard, 'http://host.example/');
    expect(calls).toBe(2);
  });

  it('are waited for until the signal says otherwise, and the others go on waiting', async () => {
    let answer: (found: ResolvedAddress[]) => void = () => undefined;
    const resolving = new Promise<ResolvedAddress[]>((resolve) => (answer = resolve));
    const guard = createAddressGuard({ allow: [], resolve: () => resolving });
    const abort = new AbortController();
    const first = guard.check(new URL('http://host.example/'), abort.signal);
    const second = verdict(guard, 'http://host.example/');
    abort.abort();
    expect((await first).failure?.trigger).toBe('reset');
    expect((await guard.check(new URL('http://host.example/'), abort.signal)).failure?.trigger).toBe('reset');
    answer(addresses('8.8.8.8'));
    expect(await second).toBe('ok');
  });

  it('are bounded in number while they are resolved', async () => {
    const guard = createAddressGuard({ allow: [], resolve: () => new Promise(() => undefined) });
    const aborts = Array.from({ length: 1000 }, () => new AbortController());
    const waiting = aborts.map(({ signal }, i) => guard.check(new URL(`http://h${i}.example/`), signal));
    expect(await verdict(guard, 'http://one.more.example/')).toBe('connect');
    for (const abort of aborts) abort.abort();
    await Promise.all(waiting);
  });

  it('say nothing of the address', async () => {
    const guard = createAddressGuard({ allow: [], resolve: () => Promise.resolve(addresses('10.9.8.7')) });
    const { failure } = await guard.check(new URL('http://host.example/'), unaborted());
    expect(failure?.reason).not.toContain('10.9.8.7');
  });
});

describe('the connection', () => {
  const checked = async (...texts: string[]) => {
    const answers = [addresses(...texts), addresses('127.0.0.9')];
    const guard = createAddressGuard({ allow: ['127.0.0.1'], resolve: () => Promise.resolve(answers.shift() ?? []) });
    const { lookup } = await guard.check(new URL('http://rebinding.example/'), unaborted());
    if (lookup === undefined) throw new Error('it was refused');
    return lookup;
  };

  it('gets what was checked, as one or as all', async () => {
    const lookup = await checked('127.0.0.1', '8.8.8.8', '127.0.0.2');
    const one = await new Promise((resolve) => {
      lookup('rebinding.example', {}, (error, address, family) => resolve([error, address, family]));
    });
    const all = await new Promise<string | LookupAddress[]>((resolve) => {
      lookup('rebinding.example', { all: true }, (_error, found) => resolve(found));
    });
    expect(one).toEqual([null, '127.0.0.1', 4]);
    expect(all).toEqual(addresses('127.0.0.1', '8.8.8.8'));
  });

  it('goes to the address that was checked when the name has another one by then', async () => {
    const server = createServer((_req, res) => res.end('checked'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const lookup = await checked('127.0.0.1');
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ host: 'rebinding.example', port, lookup, agent: false }, resolve).on('error', reject).end();
    });
    expect(answer.socket.remoteAddress).toBe('127.0.0.1');
    answer.resume();
    await new Promise((resolve) => server.close(resolve));
  });
});
