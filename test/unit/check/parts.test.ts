import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseHaproxySize, parseHaproxyTime } from '../../../src/check/haproxy-time';
import { httpProbe } from '../../../src/check/http-probe';
import { namedVariables } from '../../../src/check/named-variables';
import { parseConfig } from '../../../src/check/parse-config';
import { effective, effectiveOption, frontendsOf, isChecked, proxiesOf, serversOf } from '../../../src/check/proxy';
import { isTrustedProxy } from '../../../src/check/trusted-proxy';
import { waysIn } from '../../../src/check/viewers-url';

const proxies = (text: string) =>
  proxiesOf(parseConfig([{ file: 'h.cfg', text }], { environment: new Map(), version: '3.0' }));
const named = (text: string, name: string) => {
  const proxy = proxies(text).find((one) => one.name === name);
  if (proxy === undefined) throw new Error(`there is no proxy ${name}`);
  return proxy;
};

describe('what a proxy inherits', () => {
  const text = `defaults
 retries 5
 option redispatch
 timeout connect 1s
defaults d
 retries 7
backend a
 no option redispatch
 timeout connect 2s
backend b from d
backend c from d
 retries 1
 retries 2`;

  it('comes from the section that it names, else from the one above', () => {
    expect(['a', 'b', 'c'].map((name) => effective(named(text, name), 'retries')?.words[1])).toEqual(['7', '7', '2']);
    expect(effective(named(text, 'a'), 'timeout', 'connect')?.words[2]).toBe('2s');
    const other = 'defaults x\n option redispatch 1\nbackend a\n no option redispatch\nbackend b';
    expect(effectiveOption(named(other, 'a'), 'redispatch')).toBeUndefined();
    expect(effectiveOption(named(other, 'b'), 'redispatch')?.words[2]).toBe('1');
  });
});

describe('servers', () => {
  it('are checked as their default-server says, unless they say otherwise', () => {
    const text = `backend b
 server s0 1.1.1.1:1
 default-server check inter 1s
 server s1 1.1.1.1:1
 server s2 1.1.1.1:1 no-check
 server-template t 1-4 mtx.example:8888 check`;
    const servers = serversOf(named(text, 'b'));
    expect(servers.map((server) => [server.name, isChecked(server), server.count])).toEqual([
      ['s0', false, 1],
      ['s1', true, 1],
      ['s2', false, 1],
      ['t', true, 4],
    ]);
  });
});

describe('frontends of a backend', () => {
  it('are those that name it, also by a rule, or may', () => {
    const text = `frontend a
 default_backend mtx
frontend b
 use_backend mtx if TRUE
frontend c
 use_backend %[path]
frontend d
 default_backend other
listen e
 default_backend mtx
backend mtx`;
    expect(frontendsOf(proxies(text), 'mtx').map(({ name }) => name)).toEqual(['a', 'b', 'c', 'e']);
  });

  it.each([
    ['bind :8080', 'http://127.0.0.1:8080'],
    ['bind *:80', 'http://127.0.0.1:80'],
    ['bind 10.0.0.1:80,10.0.0.2:80', 'http://10.0.0.1:80'],
    ['bind [::1]:80', 'http://[::1]:80'],
    ['bind ipv4@127.0.0.1:80', 'http://127.0.0.1:80'],
    ['bind :443 ssl crt x', 'https://127.0.0.1:443'],
    ['bind :443 ssl crt x\n bind :80', 'http://127.0.0.1:80'],
    ['bind :80 accept-proxy\n bind :8081', 'http://127.0.0.1:8081'],
    ['bind /run/x.sock,:8081', 'http://127.0.0.1:8081'],
    ['bind :8000-8010', 'http://127.0.0.1:8000'],
    ['bind mptcp4@:80', 'http://127.0.0.1:80'],
    ['bind :::80', 'http://127.0.0.1:80'],
    ['bind :80 proto h1', 'http://127.0.0.1:80'],
    ['bind :443 ssl crt x verify none', 'https://127.0.0.1:443'],
    // What comes in plainly is only sent away.
    ['bind :80\n bind :443 ssl crt x\n http-request redirect scheme https unless { ssl_fc }', 'https://127.0.0.1:443'],
    ['bind :80\n redirect scheme https if !{ ssl_fc }', 'http://127.0.0.1:80'],
  ])('are reached: %s', (bind, url) => {
    expect(waysIn(proxies(`frontend f\n ${bind}`)).url).toBe(url);
  });

  it.each([
    ['bind :80 accept-proxy', ':80 (PROXY protocol)'],
    ['bind :80\n tcp-request connection expect-proxy layer4 if { src 10.0.0.0/8 }', ':80 (PROXY protocol)'],
    ['bind :80 accept-netscaler-cip 0x4E455453', ':80 (NetScaler CIP)'],
    ['bind :80\n tcp-request connection expect-netscaler-cip layer4', ':80 (NetScaler CIP)'],
    ['bind :443 ssl crt x ca-file y verify required', ':443 (client certificates)'],
    ['bind :80 namespace blue', ':80 (another network namespace)'],
    ['bind :80 interface eth1', ':80 (one interface only)'],
    ['bind :80 proto h2', ':80 (h2 only)'],
    ['bind /run/x.sock', '/run/x.sock (a Unix socket)'],
    ['bind unix@/run/x.sock', 'unix@/run/x.sock (a Unix socket)'],
    ['bind abns@viewers', 'abns@viewers (a Unix socket)'],
    ['bind fd@3', 'fd@3 (a socket that HAProxy is given)'],
    ['bind quic4@:443 ssl crt x', 'quic4@:443 (QUIC)'],
    ['bind rhttp@be/srv', 'rhttp@be/srv (another kind of address)'],
    ['bind :0', ':0 (an address that is not understood here)'],
    ['bind', ' (an address that is not understood here)'],
  ])('are told where a plain client does not get through: %s', (bind, other) => {
    expect(waysIn(proxies(`frontend f\n ${bind}`))).toEqual({ url: undefined, others: [other] });
  });
});

it('times and sizes are read as HAProxy reads them', () => {
  expect(['100ms', '80', '2s', '1m', '24h', '1d', '500us', '', '1w', '-1'].map(parseHaproxyTime)).toEqual([
    100,
    80,
    2000,
    60_000,
    86_400_000,
    86_400_000,
    0.5,
    undefined,
    undefined,
    undefined,
  ]);
  expect(['200k', '1m', '500', 'x'].map(parseHaproxySize)).toEqual([204_800, 1_048_576, 500, undefined]);
});

it('addresses are trusted alone, in networks, and in IPv6', () => {
  const trusted = ['10.0.0.0/8', '192.168.1.1', 'fd00::/8', 'nonsense', '1.2.3.4/99'];
  expect(
    ['10.9.9.9', '192.168.1.1', '192.168.1.2', 'fd12::1', '1.2.3.4', 'x'].map((one) => isTrustedProxy(one, trusted)),
  ).toEqual([true, true, false, true, false, false]);
});

it("of HAProxy's environment only what the configuration names goes on to a program", () => {
  const environment = new Map(
    ['MTX1', 'MTX_BRIDGE', 'MTXX', 'CERT', 'HOME', 'OLD', 'LD_PRELOAD', 'HAPROXY_MWORKER'].map(
      (name) => [name, '1'] as const,
    ),
  );
  const texts = ['bind "${CERT-x}" "$LD_PRELOAD" "$HAPROXY_MWORKER"\n.if defined(OLD)\n# HOME'];
  expect([...namedVariables(environment, texts).keys()]).toEqual(['MTX1', 'MTX_BRIDGE', 'CERT', 'OLD']);
});

describe('httpProbe', () => {
  it('follows no redirect, and tells the address from which it asked', async () => {
    const server = createServer((_, response) => {
      response.writeHead(302, { location: 'http://example.invalid/' }).end('x');
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const answer = await httpProbe(`http://127.0.0.1:${port}/`, { timeoutMs: 1000 });
    expect(answer).toMatchObject({ ok: true, status: 302, body: 'x', localAddress: '127.0.0.1' });
    await new Promise((done) => server.close(done));
  });

  it('gives up on who says nothing, on endless bodies, and when told to', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/endless') {
        // After a turn of the event loop: Node 24 fails writes to a closed socket at once, and tells of the end later.
        const more = (): void => {
          response.write(Buffer.alloc(65_536), (error) => (error ? undefined : setImmediate(more)));
        };
        more();
      }
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const stop = new AbortController();
    const aborted = httpProbe(`${url}/silent`, { timeoutMs: 60_000, signal: stop.signal });
    stop.abort();
    expect(await aborted).toEqual({ ok: false, reason: 'given up' });
    expect(await httpProbe(`${url}/silent`, { timeoutMs: 50 })).toEqual({
      ok: false,
      reason: 'no answer within 50 ms',
    });
    expect(await httpProbe(`${url}/endless`, { timeoutMs: 60_000 })).toEqual({
      ok: false,
      reason: 'more than 4194304 bytes',
    });
    expect(await httpProbe('http://127.0.0.1:99999/', { timeoutMs: 50 })).toMatchObject({ ok: false });
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
});
