import { readFileSync } from 'node:fs';
import { checkConfig } from '../../../src/check/check-config';
import type { ExpectedOfConfig } from '../../../src/check/config-context';
import type { Finding } from '../../../src/check/finding';
import { loadConfig } from '../../../src/check/load-config';
import { type ConfigFolder, shippedConfig } from '../../fixtures/check/apply';
import { expectedOfShipped } from '../../fixtures/check/expected';
import { misconfigurations } from '../../fixtures/check/misconfigurations';

let config: ConfigFolder | undefined;
afterEach(() => config?.remove());

function check(
  { file }: ConfigFolder,
  env: Readonly<Record<string, string>> = {},
  change: Partial<ExpectedOfConfig> = {},
) {
  const loaded = loadConfig(file, { environment: new Map(Object.entries(env)), version: '3.0.11' });
  if ('problem' in loaded) throw new Error(loaded.problem);
  return checkConfig(loaded, { ...expectedOfShipped, ...change });
}

const wrongs = (findings: readonly Finding[]) =>
  findings.filter(({ severity }) => severity !== 'ok').map(({ id, severity }) => [id, severity]);

function lineAt({ place }: Finding): string {
  return place === undefined ? '' : (readFileSync(place.file, 'utf8').split('\n')[place.line - 1] ?? '').trim();
}

describe('the shipped configuration', () => {
  it.each([
    ['spoe', {}],
    ['lua', { MTX_BRIDGE: 'lua' }],
    ['spoe, everything set', { MTX_SHOW_SERVER: '1', MTX_HOME: '/x', MTX_AGENT2: '127.0.0.1:9110' }],
    ['lua, a second agent', { MTX_BRIDGE: 'lua', MTX_AGENT2_HTTP: '127.0.0.1:9111' }],
    ['relays', { MTX_RELAY1: '127.0.0.21:8085', MTX_RELAY2: '127.0.0.22:8085', MTX_RELAY3: '127.0.0.23:8085' }],
    ['lua, one relay', { MTX_BRIDGE: 'lua', MTX_RELAY1: '127.0.0.21:8085' }],
  ])('has no finding: %s', (_, env) => {
    config = shippedConfig();
    const findings = check(config, env);
    expect(wrongs(findings)).toEqual([]);
    // Looked at, not passed over.
    expect(new Set(findings.map(({ id }) => id)).size).toBeGreaterThanOrEqual(24);
  });

  it('follows the environment as HAProxy does', () => {
    config = shippedConfig();
    expect(wrongs(check(config, { MTX_AGENT: '127.0.0.1:9200' }))).toEqual([['bridge.address', 'warning']]);
    expect(wrongs(check(config, { MTX_DEADLINE: '80ms' }))).toEqual([['bridge.deadline', 'warning']]);
    expect(wrongs(check(config, { MTX_PEER: '10.0.0.1:10000' }))).toEqual([['peers.loopback', 'warning']]);
    expect(wrongs(check(config, { MTX_ADMIN_SOCKET: '/tmp/other.sock' }))).toEqual([['socket.address', 'warning']]);
  });

  it('knows that HAProxy finds sockets below the folder that it is confined to', () => {
    config = shippedConfig({
      name: 'chroot',
      line: '    localpeer "',
      instead: '    chroot /var/lib/haproxy\n    localpeer "',
      finds: [],
    });
    const listen = { path: '/var/lib/haproxy/mtxpilot/spoe.sock' };
    const unix = (path: string) => ({ MTX_AGENT: `unix@${path}` });
    expect(wrongs(check(config, unix('/mtxpilot/spoe.sock'), { spoeListen: listen }))).toEqual([]);
    const [finding] = check(config, unix(listen.path), { spoeListen: listen }).filter(
      ({ id, severity }) => id === 'bridge.address' && severity === 'warning',
    );
    expect(finding?.change).toMatch(
      /^write "server agent1 unix@\/mtxpilot\/spoe\.sock", or .* below \/var\/lib\/haproxy/,
    );
  });

  it('tells what backups are for', () => {
    config = shippedConfig({
      name: 'a backup',
      line: 'server mtx3 "${MTX3-127.0.0.13:8888}"',
      instead: 'server mtx3 "${MTX3-127.0.0.13:8888}" backup',
      finds: [],
    });
    const findings = check(config);
    expect(wrongs(findings)).toEqual([]);
    expect(findings.find(({ id }) => id === 'servers.backup')?.what).toMatch(/^mtx3 is a backup: /);
  });

  it('is held against the settings of the agent', () => {
    config = shippedConfig();
    expect(wrongs(check(config, {}, { lookupDeadlineMs: 100 }))).toEqual([['bridge.deadline', 'warning']]);
    expect(wrongs(check(config, {}, { spoeListen: null }))).toEqual([['bridge.address', 'error']]);
    expect(wrongs(check(config, {}, { spoeListen: { host: '0.0.0.0', port: 9100 } }))).toEqual([]);
    expect(wrongs(check(config, {}, { spoeListen: { path: '/run/mtxpilot/spoe.sock' } }))).toEqual([
      ['bridge.address', 'warning'],
    ]);
    const unix = { MTX_AGENT: 'unix@/run/mtxpilot/spoe.sock' };
    expect(wrongs(check(config, unix, { spoeListen: { path: '/run/mtxpilot/spoe.sock' } }))).toEqual([]);
    expect(wrongs(check(config, unix))).toEqual([['bridge.address', 'warning']]);
    expect(wrongs(check(config, {}, { map: 'other.map' }))).toEqual([['routes.map', 'error']]);
    expect(wrongs(check(config, {}, { map: null }))).toEqual([]);
    expect(wrongs(check(config, {}, { weights: 'auto' }))).toEqual([]);
    expect(wrongs(check(config, {}, { peersListen: { host: '127.0.0.1', port: 9200 } }))).toEqual([
      ['peers.agent', 'warning'],
    ]);
    expect(wrongs(check(config, {}, { peersListen: null }))).toEqual([]);
    expect(wrongs(check(config, {}, { viewerGoneAfterMs: 60_000 }))).toEqual([['table.expire', 'warning']]);
    expect(wrongs(check(config, {}, { backend: 'media' }))).toEqual([['config.backend', 'error']]);
  });
});

describe('a misconfiguration is found', () => {
  it.each(misconfigurations.filter(({ finds }) => finds.length > 0).map((row) => [row.name, row] as const))(
    '%s',
    (_, row) => {
      config = shippedConfig(row);
      const findings = check(config, row.env, row.settings).filter(({ severity }) => severity !== 'ok');
      expect(findings.map(({ id, severity }) => [id, severity])).toEqual(row.finds);
      const blamed = row.blames ?? row.instead.trim();
      expect(findings.map(lineAt)).toContain(blamed);
      for (const { what, why, change } of findings) {
        expect(what).toMatch(/[.?!]$/);
        expect(why).toBeTruthy();
        expect(change).toBeTruthy();
      }
    },
  );
});
