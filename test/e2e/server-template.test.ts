import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSimFleet, type SimFleet } from '../../src/sim';
import { type Agent, startAgent } from '../support/agent';
import { startChild } from '../support/child-process';
import { type DnsServer, startDnsServer } from '../support/dns-server';
import { type Haproxy, haproxyBin, haproxyVersion, startHaproxy } from '../support/haproxy';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { GiveUp, until } from '../support/until';
import { within } from '../support/within';

// This name has an address in every system's resolver, as that of a headless service has: whoever asks the system reaches the wrong server.
const service = 'localhost';

interface ShownServer {
  readonly name: string;
  readonly address: string;
  readonly operational: string;
  readonly administrative: string;
  readonly streams: number;
  readonly control: { readonly wanted: string; readonly nodes: readonly { administrative: string }[] } | null;
}

interface Shown {
  readonly servers: readonly ShownServer[];
  readonly emptySlots: readonly { readonly name: string; readonly hostName: string; readonly intent: unknown }[];
}

const template = `server-template mtx 3 ${service}:8888`;
const single = 'server single single.example:8888';

describe(`HAProxy ${haproxyVersion}: servers whose addresses come from DNS`, () => {
  let block: LoopbackBlock;
  let dns: DnsServer;
  /** The three hold live/a, live/b and live/c, each one of them. */
  let fleet: SimFleet;
  let haproxy: Haproxy;
  let agent: Agent;
  const closers: (() => unknown)[] = [];
  const closersOfTest: (() => unknown)[] = [];

  beforeAll(async () => {
    block = await takeLoopbackBlock();
    closers.push(() => block.release());
    dns = await startDnsServer();
    closers.push(() => dns.stop());
    fleet = await createSimFleet({ firstAddress: block.address(11), servers: 3, identify: true });
    closers.push(() => fleet.stop());
    fleet.server('mtx1').publish('live/a');
    fleet.server('mtx2').publish('live/b');
    fleet.server('mtx3').publish('live/c');
  });
  beforeEach(() => {
    dns.addresses.clear();
    dns.services.clear();
  });
  afterEach(() => closeAll(closersOfTest));
  afterAll(() => closeAll(closers));

  /** HAProxy with these servers and an agent, both new: what the name server is told before is there from the start. */
  async function start(...servers: readonly string[]): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-template-'));
    closersOfTest.push(() => rmSync(folder, { recursive: true, force: true }));
    const config = join(folder, 'haproxy.cfg');
    writeFileSync(config, configuration(dns.resolvers, servers));
    haproxy = await startHaproxy({ bind: `${block.address(1)}:8080`, servers: [], config });
    closersOfTest.push(() => haproxy.stop());
    agent = await startAgent(
      {
        spoe: `${block.address(1)}:9100`,
        http: `${block.address(1)}:9101`,
        haproxySocket: haproxy.socket,
        config: {
          http: { token: 'secret-of-this-test' },
          mediamtx: { api: 'http://{address}:9997' },
          directory: { interval: '100ms' },
        },
      },
      'process',
    );
    closersOfTest.push(() => agent.stop());
  }

  const address = (number: number) => block.address(10 + number);
  const shown = async (): Promise<Shown> => (await agent.get('/v1/servers')).body as Shown;
  /** What is shown once the servers have these addresses and were asked for their streams, of which each has one. */
  const becomes = (expected: readonly string[]) =>
    until(`servers ${expected.join(', ') || 'none'}`, async () => {
      const seen = await shown();
      const isSo = JSON.stringify(seen.servers.map((server) => server.address).sort()) === JSON.stringify(expected);
      return isSo && seen.servers.every(({ streams, operational }) => streams === 1 && operational === 'UP') && seen;
    });
  const streamNames = async () => {
    const { streams } = (await agent.get('/v1/streams')).body as { streams: { name: string }[] };
    return streams.map(({ name }) => name).join(' ');
  };
  const slotWith = ({ servers }: Shown, wanted: string) =>
    servers.find((server) => server.address === wanted)?.name ?? '';
  const order = (server: string, kind: string) =>
    fetch(`${agent.url}/v1/servers/${server}/${kind}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer secret-of-this-test' },
      body: JSON.stringify({ reason: 'update', operator: 'ada' }),
    });

  it('a slot without an address is no server: not asked, not counted, shown as empty', async () => {
    await start(template, single);
    await until('the slots', async () => (await shown()).emptySlots.length === 4);
    const { servers, emptySlots } = await shown();
    expect(servers).toEqual([]);
    expect(emptySlots.map(({ name, hostName }) => `${name} ${hostName}`)).toEqual([
      `mtx1 ${service}`,
      `mtx2 ${service}`,
      `mtx3 ${service}`,
      'single single.example',
    ]);
    expect(await agent.metric('mtxpilot_servers')).toBe(0);
    expect(await agent.metric('mtxpilot_empty_slots')).toBe(4);
    expect(await agent.metric('mtxpilot_server_up')).toBe(0);
    expect(await agent.metric('mtxpilot_api_calls_total')).toBe(0);
    expect(await agent.metric('mtxpilot_control_external_servers')).toBe(0);
  });
  it('`mtxpilot check` looks at the servers that have addresses, and says nothing of empty slots', async () => {
    dns.addresses.set(service, [address(1)]);
    await start(template, single);
    const full = await becomes([address(1)]);
    const child = startChild(process.execPath, [
      ...['dist/cli/main.js', 'check', '--json', `--set=haproxy.bin=${haproxyBin}`],
      `--haproxy-socket=${haproxy.socket}`,
      `--http-listen=${block.address(1)}:9101`,
    ]);
    await child.exited;
    const { findings } = JSON.parse(child.lines.join('\n')) as { findings: { id: string; what: string }[] };
    const asked = findings.filter(({ id }) => id.startsWith('server.'));
    expect(asked.length).toBeGreaterThan(0);
    for (const { what } of asked) expect(what).toContain(slotWith(full, address(1)));
  });
  it('slots that get addresses are asked at those, and each server once', async () => {
    await start(template, single);
    await until('the slots', async () => (await shown()).emptySlots.length === 4);
    dns.addresses.set(service, [address(1), address(2)]);
    const { servers, emptySlots } = await becomes([address(1), address(2)]);
    expect(emptySlots).toHaveLength(2);
    // Nobody's hand: HAProxy had the slots in maintenance because they had no address.
    for (const server of servers) {
      expect(server).toMatchObject({ administrative: 'ready', control: { wanted: 'ready' } });
      expect(server.control?.nodes.map(({ administrative }) => administrative)).toEqual(['ready']);
    }
    const { body } = await agent.get('/v1/streams');
    expect(body).toMatchObject({
      streams: [
        { name: 'live/a', conflict: false, holders: [{}] },
        { name: 'live/b', conflict: false, holders: [{}] },
      ],
    });
    expect(await agent.metric('mtxpilot_servers')).toBe(2);
  });
  it('a slot that gets an address is in service within a second of it', async () => {
    await start(template);
    await within(1000, 'the server', async () => {
      dns.addresses.delete(service);
      await until('empty slots', async () => (await shown()).emptySlots.length === 3);
      dns.addresses.set(service, [address(1)]);
      await until('its address', async () => (await haproxy.runtime('show servers state mtx')).includes(address(1)), 2);
      return async () =>
        (await shown()).servers.some(
          (server) =>
            server.operational === 'UP' &&
            server.administrative === 'ready' &&
            server.address === address(1) &&
            server.streams === 1,
        );
    });
  });
  it('one that changes its address is asked at the new one, and what it had at the old is forgotten', async () => {
    dns.addresses.set(service, [address(1), address(2)]);
    await start(template);
    await becomes([address(1), address(2)]);
    dns.addresses.set(service, [address(2), address(3)]);
    await becomes([address(2), address(3)]);
    await until('the new streams', async () => (await streamNames()) === 'live/b live/c');
  });
  it('after a reload that gives the addresses to other slots, each server is there once', async () => {
    dns.addresses.set(service, [address(1), address(2)]);
    await start(template);
    const last = (await becomes([address(1), address(2)])).servers.find(({ name }) => name !== 'mtx1')?.address ?? '';
    dns.addresses.set(service, [last]);
    await becomes([last]);
    await haproxy.reloadNow();
    await until('the first slot to have it', async () => {
      const { servers } = await shown();
      const addresses = servers.map((server) => server.address).join(' ');
      if (addresses !== last) throw new GiveUp(`servers at ${addresses}, not at ${last} alone`);
      return servers.some(({ name, operational, streams }) => name === 'mtx1' && operational === 'UP' && streams === 1);
    });
    expect(await streamNames()).toBe(last === address(1) ? 'live/a' : 'live/b');
  });
  it('`server … resolvers` with a name of its own is the same', async () => {
    await start(single);
    await until('the slot', async () => (await shown()).emptySlots.length === 1);
    dns.addresses.set('single.example', [address(1)]);
    const { servers, emptySlots } = await becomes([address(1)]);
    expect(servers.map(({ name }) => name)).toEqual(['single']);
    expect(emptySlots).toEqual([]);
  });
  it('an SRV record fills slots with address and port, and empties them', async () => {
    await start('server-template mtx 3 _hls._tcp.media.example');
    const { emptySlots } = await until('the slots', async () => {
      const seen = await shown();
      return seen.emptySlots.length === 3 && seen;
    });
    expect(emptySlots.map(({ hostName }) => hostName)).toEqual(Array(3).fill('_hls._tcp.media.example'));
    dns.addresses.set('one.example', [address(1)]);
    dns.addresses.set('two.example', [address(2)]);
    const target = (host: string) => ({ host, port: 8888 });
    dns.services.set('_hls._tcp.media.example', [target('one.example'), target('two.example')]);
    const full = await becomes([address(1), address(2)]);
    expect(full.servers.map(({ administrative }) => administrative)).toEqual(['ready', 'ready']);
    dns.services.set('_hls._tcp.media.example', [target('two.example')]);
    const one = await becomes([address(2)]);
    expect(one.emptySlots).toHaveLength(2);
    await until('its stream alone', async () => (await streamNames()) === 'live/b');
  });
  it('an empty slot takes no orders', async () => {
    await start(single);
    await until('the slot', async () => (await shown()).emptySlots.length === 1);
    const refused = await order('single', 'drain');
    expect(refused.status).toBe(404);
    expect(await refused.json()).toMatchObject({ detail: 'single is an empty slot: HAProxy has no address for it.' });
  });
  it('an order stays with a slot that loses its address, and can be lifted there', async () => {
    dns.addresses.set(service, [address(2), address(3)]);
    await start(template);
    const drained = slotWith(await becomes([address(2), address(3)]), address(3));
    expect((await order(drained, 'drain')).status).toBe(200);
    await until('the drain', async () =>
      (await shown()).servers.some(({ name, administrative }) => name === drained && administrative === 'drain'),
    );
    dns.addresses.set(service, [address(2)]);
    const { emptySlots } = await becomes([address(2)]);
    expect(emptySlots.find(({ name }) => name === drained)).toMatchObject({
      intent: { kind: 'drain', operator: 'ada' },
    });
    expect((await order(drained, 'ready')).status).toBe(200);
    dns.addresses.set(service, [address(2), address(3)]);
    await becomes([address(2), address(3)]);
    await until('ready', async () =>
      (await shown()).servers.every(({ control }) => control?.nodes[0]?.administrative === 'ready'),
    );
    expect((await shown()).servers.map(({ control }) => control?.wanted)).toEqual(['ready', 'ready']);
  });
});

async function closeAll(closers: (() => unknown)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

function configuration(resolvers: string, servers: readonly string[]): string {
  return `global
    stats socket "\${MTX_ADMIN_SOCKET}" mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
${resolvers}
frontend viewers
    bind "\${MTX_BIND}"
    default_backend mtx
backend mtx
    default-server check inter 50ms fall 1 rise 1 resolvers r resolve-prefer ipv4 init-addr none
${servers.map((server) => `    ${server}\n`).join('')}`;
}
