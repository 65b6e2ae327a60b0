import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { checkServers, type ServerToCheck } from '../../../src/check/check-servers';
import type { Finding } from '../../../src/check/finding';
import { createSimServer, type SimServer, type SimServerOptions } from '../../../src/sim';
import { type LoopbackBlock, takeLoopbackBlock } from '../../support/loopback-block';

let block: LoopbackBlock;
const sims: SimServer[] = [];
const fakes: Server[] = [];

beforeAll(async () => {
  block = await takeLoopbackBlock();
});
afterEach(async () => {
  await Promise.all(sims.splice(0).map((sim) => sim.stop()));
  await Promise.all(fakes.splice(0).map((fake) => new Promise((done) => fake.close(done))));
});
afterAll(() => block.release());

async function sim(number: number, options: Partial<SimServerOptions> = {}): Promise<ServerToCheck> {
  const server = await createSimServer({ address: block.address(number), trustedProxies: ['127.0.0.0/8'], ...options });
  sims.push(server);
  return toCheck(number);
}

function toCheck(number: number, change: Partial<ServerToCheck> = {}): ServerToCheck {
  const host = block.address(number);
  return {
    name: `mtx${number}`,
    kind: 'mediamtx',
    host,
    port: 8888,
    isTls: false,
    apiUrl: `http://${host}:9997`,
    username: undefined,
    password: undefined,
    state: 'UP',
    place: { file: 'haproxy.cfg', line: number },
    ...change,
  };
}

const check = (...servers: ServerToCheck[]) => checkServers(servers, { timeoutMs: 1000 });
const wrongs = (findings: readonly Finding[]) =>
  findings.filter(({ severity }) => severity !== 'ok').map(({ id, severity, what }) => `${severity} ${id}: ${what}`);

/** A MediaMTX that says what a test wants it to say. */
async function fake(number: number, settings: unknown, date?: () => Date, info: unknown = { version: 'v1.20.1' }) {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (date !== undefined) response.setHeader('date', date().toUTCString());
    response.end(JSON.stringify(request.url === '/v3/info' ? info : settings));
  };
  for (const port of [8888, 9997]) {
    const server = createServer(answer);
    fakes.push(server);
    await new Promise<void>((done) => server.listen(port, block.address(number), done));
  }
  return toCheck(number);
}

const good = { hlsTrustedProxies: ['127.0.0.0/8'], hls: true, hlsAddress: ':8888', hlsEncryption: false };

describe('relays', () => {
  const relay = { kind: 'relay', name: 'relay1' } as const;

  it('are right where relays belong', async () => {
    const server = await fake(1, {}, () => new Date(), { version: 'mtxpilot-0.1.0' });
    const findings = await check({ ...server, ...relay });
    expect(wrongs(findings)).toEqual([]);
    expect(findings.map(({ id }) => id)).toEqual(['server.hls', 'server.api', 'server.kind', 'server.clock']);
  });
  it('are no MediaMTX, and no MediaMTX is one', async () => {
    const among = await fake(1, good, undefined, { version: 'mtxpilot-0.1.0' });
    expect(wrongs(await check(among))).toEqual(['error server.kind: mtx1 is a relay among MediaMTX servers.']);
    expect(wrongs(await check({ ...(await fake(2, good)), ...relay }))).toEqual([
      'error server.kind: relay1 is no relay, and is among the relays.',
    ]);
  });
  it('that are away are started by their own name', async () => {
    const [down, , api] = await check(toCheck(3, { ...relay, state: 'DOWN' }));
    expect([down?.id, down?.change]).toEqual(['server.up', expect.stringContaining('start mtxpilot relay there')]);
    expect([api?.id, api?.change]).toEqual(['server.api', expect.stringContaining('mediamtx.servers.relay1.password')]);
  });
});

describe('checkServers', () => {
  it('finds nothing at servers that are right', async () => {
    const findings = await check(await sim(1), await sim(2));
    expect(wrongs(findings)).toEqual([]);
    expect(findings.map(({ id }) => id)).toEqual([
      ...['server.hls', 'server.api', 'server.version', 'server.trust', 'server.settings', 'server.clock'],
      ...['server.hls', 'server.api', 'server.version', 'server.trust', 'server.settings', 'server.clock'],
      'server.alike',
    ]);
  });

  it.each([
    [[], /does not trust this machine \(127\.0\.0\.1\) to name the viewer; it trusts nobody/],
    [['10.0.0.0/8', '192.168.1.1'], /it trusts 10\.0\.0\.0\/8, 192\.168\.1\.1\/32/],
    [['0.0.0.0/0'], /server\.trust-all: .*from everybody \(hlsTrustedProxies: 0\.0\.0\.0\/0\)/],
  ])('sees whom a server trusts: %j', async (trustedProxies, said) => {
    const [only, ...others] = wrongs(await check(await sim(1, { trustedProxies })));
    expect(only).toMatch(said);
    expect(only).toMatch(/^warning/);
    expect(others).toEqual([]);
  });

  it('sees servers that differ', async () => {
    const servers = [await sim(1, { profile: 'pre-session' }), await sim(2, { variant: 'fmp4' }), await sim(3)];
    expect(wrongs(await check(...servers))).toEqual([
      'warning server.alike: The servers differ in their era: pre-session (mtx1), session (mtx2, mtx3).',
      'warning server.alike: The servers differ in hlsVariant: lowLatency (mtx1, mtx3), fmp4 (mtx2).',
    ]);
  });

  it('sees a server that is not there, and names its line', async () => {
    const findings = await check(toCheck(1, { state: 'DOWN' }));
    expect(wrongs(findings)).toEqual([
      'error server.up: HAProxy calls mtx1 DOWN.',
      expect.stringMatching(/^error server\.hls: mtx1 does not answer viewers on .*:8888: nobody listens there\.$/),
      expect.stringMatching(/^error server\.api: The Control API at http:.*:9997 fails: .*ECONNREFUSED/),
    ]);
    expect(findings[1]?.place).toEqual({ file: 'haproxy.cfg', line: 1 });
  });

  it('leaves a server in maintenance alone', async () => {
    const findings = await check(toCheck(1, { state: 'maint' }));
    expect(findings.map(({ what }) => what)).toEqual(['mtx1 is in maintenance, and was not looked at.']);
  });

  it('sees an API that wants credentials, and uses those it is given', async () => {
    const server = await sim(1, { apiCredentials: { user: 'pilot', password: 'secret' } });
    const [only] = await check(server).then((findings) => findings.filter(({ severity }) => severity === 'error'));
    expect([only?.id, only?.change]).toEqual(['server.api', expect.stringContaining('mediamtx.username')]);
    const found = await check({ ...server, username: 'pilot', password: 'secret' });
    expect(wrongs(found)).toEqual([]);
    expect(JSON.stringify(found)).not.toContain('secret');
  });

  it('says that it is not known where an API is', async () => {
    await sim(1);
    expect(wrongs(await check(toCheck(1, { apiUrl: undefined })))).toEqual([
      'error server.api: It is not known where the Control API of mtx1 is.',
    ]);
  });

  it.each([
    [{ hls: false }, 'error server.settings: mtx1 does not serve HLS.'],
    [
      { hlsAddress: ':8880' },
      'warning server.settings: HAProxy sends viewers of mtx1 to port 8888, and it serves HLS on :8880.',
    ],
    [{ hlsEncryption: true }, 'error server.settings: mtx1 serves HLS over TLS only, and HAProxy speaks plain HTTP.'],
  ])('sees settings that do not fit: %j', async (change, said) => {
    expect(wrongs(await check(await fake(1, { ...good, ...change })))).toEqual([said]);
  });

  it('sees TLS that is spoken to plain HTTP', async () => {
    const server = await fake(1, good);
    expect(wrongs(await check({ ...server, isTls: true }))).toEqual([
      expect.stringMatching(/^error server\.hls: mtx1 does not answer viewers on .*:8888: /),
      'error server.settings: HAProxy speaks TLS to mtx1, which serves plain HTTP.',
    ]);
  });

  it.each([
    [-90_000, 'behind', '8[89]|90'],
    [90_000, 'ahead of', '8[89]|90'],
    [-3500, 'behind', '[23]'],
  ])('sees a clock that is %d ms off', async (offMs, direction, seconds) => {
    const server = await fake(1, good, () => new Date(Date.now() + offMs));
    expect(wrongs(await check(server))).toEqual([
      expect.stringMatching(
        new RegExp(
          `^warning server\\.clock: The clock of mtx1 is at least (${seconds})\\.\\d s ${direction} this machine's\\.$`,
        ),
      ),
    ]);
  });

  it.each([0, 900, -900])('takes a clock that is %d ms off for right', async (offMs) => {
    expect(wrongs(await check(await fake(1, good, () => new Date(Date.now() + offMs))))).toEqual([]);
  });

  it('refuses a version that is too old', async () => {
    expect(wrongs(await check(await fake(1, good, undefined, { version: 'v1.5.0' })))).toEqual([
      'error server.version: mtx1 is MediaMTX v1.5.0.',
    ]);
  });

  it.each([['no JSON'], [{ hlsTrustedProxies: 'x' }], [null], [{ hls: 'yes' }]])(
    'says nothing about settings that it cannot read: %j',
    async (settings) => {
      expect(wrongs(await check(await fake(1, settings)))).toEqual([]);
    },
  );

  it('keeps the order of many servers', async () => {
    const servers = Array.from({ length: 20 }, (_, i) => toCheck(i + 1, { state: i % 2 === 0 ? 'maint' : 'DOWN' }));
    const findings = await checkServers(servers, { timeoutMs: 1000, atOnce: 3 });
    const names = findings.filter(({ id }) => id === 'server.up').map(({ what }) => /mtx\d+/.exec(what)?.[0]);
    expect(names).toEqual(servers.map(({ name }) => name));
  });
});
