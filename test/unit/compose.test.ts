import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadSettings, settingKeys } from '../../src/config';

const service = z.object({
  networks: z.union([z.array(z.string()), z.record(z.string(), z.object({ ipv4_address: z.ipv4() }))]),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  restart: z.string(),
});

const { services, networks, volumes } = z
  .object({
    services: z.record(z.string(), service),
    networks: z.record(
      z.string(),
      z.object({
        internal: z.boolean().default(false),
        ipam: z.object({ config: z.tuple([z.object({ subnet: z.cidrv4() })]) }),
      }),
    ),
    volumes: z.record(z.string(), z.null()),
  })
  .parse(parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }));
const { haproxy, agent } = z.object({ haproxy: service, agent: service }).parse(services);
const servers = Object.entries(services).filter(([name]) => /^mtx\d+$/.test(name));
const dockerfile = readFileSync('Dockerfile', 'utf8');

describe('docker-compose.yml', () => {
  it('gives the agent settings that exist, with values that are allowed', () => {
    const known = settingKeys.map(({ variable }) => variable);
    const given = Object.keys({ ...agent.environment, ...imageEnvironment() });
    expect(given.filter((name) => name.startsWith('MTXPILOT_') && !known.includes(name))).toEqual([]);
    expect(agentSettings().store.folder).toBe('/data');
  });

  it('gives HAProxy variables that haproxy.cfg reads, and makes a valid configuration of it', () => {
    const config = readFileSync('haproxy/haproxy.cfg', 'utf8');
    const read = new Set([...config.matchAll(/"\$\{(MTX\w+)-[^"]*\}"/g)].map(([, name]) => name));
    expect(Object.keys(haproxy.environment).filter((name) => !read.has(name))).toEqual([]);
    const bin = process.env['HAPROXY_BIN'] || 'haproxy';
    for (const bridge of ['spoe', 'lua']) {
      const env = { PATH: process.env['PATH'], ...haproxy.environment, MTX_BRIDGE: bridge };
      // It throws, with HAProxy's reasons, unless the exit code is 0.
      execFileSync(bin, ['-c', '-f', 'haproxy/haproxy.cfg'], { env, stdio: 'pipe' });
    }
  });

  it('lets HAProxy and the agent find each other, on the network that nobody else is on', () => {
    const { spoe, http, peers, haproxy: proxy } = agentSettings();
    const [here, there] = [addressOf(agent, 'control'), addressOf(haproxy, 'control')];
    expect(haproxy.environment).toMatchObject({
      MTX_AGENT: `${here}:9100`,
      MTX_AGENT_HTTP: `${here}:9101`,
      MTX_AGENT_PEER: `${here}:9102`,
      MTX_ADMIN_SOCKET: `ipv4@${there}:9999`,
    });
    expect(spoe.listen).toEqual({ host: here, port: 9100 });
    expect(http.listen).toEqual({ host: '0.0.0.0', port: 9101 });
    // The name that a container has for others: that of its service.
    expect(Object.keys(services).filter((name) => http.hosts.includes(name))).toEqual(['agent']);
    expect(peers.listen).toEqual({ host: here, port: 9102 });
    expect(proxy.socket).toEqual({ host: there, port: 9999 });
    expect(networks['control']?.internal).toBe(true);
    const others = Object.entries(services).filter(([, { networks: on }]) => namesOf(on).includes('control'));
    expect(others.map(([name]) => name)).toEqual(['haproxy', 'agent']);
  });

  it('lets HAProxy find every MediaMTX, and each MediaMTX trust HAProxy and let the agent in', () => {
    expect(servers.length).toBeGreaterThan(0);
    for (const [name, server] of servers) {
      expect(haproxy.environment[name.toUpperCase()]).toBe(`${addressOf(server, 'mtx')}:8888`);
      expect(server.environment).toMatchObject({
        MTX_HLSTRUSTEDPROXIES: addressOf(haproxy, 'mtx'),
        MTX_AUTHINTERNALUSERS_1_IPS: addressOf(agent, 'mtx'),
        MTX_APIADDRESS: ':9997',
      });
    }
  });

  it('gives each address once, within the subnet of its network', () => {
    const given = Object.values(services).flatMap(({ networks: on }) =>
      Array.isArray(on) ? [] : Object.entries(on).map(([name, { ipv4_address: address }]) => ({ name, address })),
    );
    expect(new Set(given.map(({ address }) => address)).size).toBe(given.length);
    for (const { name, address } of given) {
      const subnet = networks[name]?.ipam.config[0].subnet ?? '';
      expect(subnet).toMatch(/\.0\/24$/);
      expect(address).toMatch(new RegExp(`^${subnet.replace(/0\/24$/, '').replaceAll('.', '\\.')}\\d+$`));
    }
  });

  it('opens ports to the machine itself only, starts everything again, and keeps what the agent stores', () => {
    for (const { ports, restart } of Object.values(services)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
      expect(restart).toMatch(/^(unless-stopped|always)$/);
    }
    const [[volume, folder] = []] = agent.volumes.map((mount) => mount.split(':'));
    expect(Object.keys(volumes)).toEqual([volume]);
    expect(folder).toBe(agentSettings().store.folder);
    expect(dockerfile).toMatch(/^RUN mkdir \/data && chown node:node \/data$/m);
    expect(/^EXPOSE (.*)$/m.exec(dockerfile)?.[1]).toBe('9100 9101 9102');
  });
});

function agentSettings() {
  const loaded = loadSettings({ env: { ...imageEnvironment(), ...agent.environment }, flags: [], standardFiles: [] });
  if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
  expect(loaded.warnings).toEqual([]);
  return loaded.settings;
}

function imageEnvironment(): Record<string, string> {
  const pairs = [...dockerfile.matchAll(/^ENV (.*)$/gm)].flatMap(([, line = '']) => line.split(' '));
  return Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string]));
}

function addressOf({ networks: on }: z.output<typeof service>, network: string): string {
  const address = Array.isArray(on) ? undefined : on[network]?.ipv4_address;
  if (address === undefined) throw new Error(`no address on the network ${network}`);
  return address;
}

function namesOf(on: z.output<typeof service>['networks']): readonly string[] {
  return Array.isArray(on) ? on : Object.keys(on);
}
