import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { runCheck } from '../../../src/check';
import { loadSettings } from '../../../src/config';
import { type ConfigFolder, shippedConfig } from '../../fixtures/check/apply';

/** Nothing of it runs, unless a test starts it: a static server on a port that nobody has, and no HAProxy is asked. */
async function checkAll(options: { file?: string; agentUrl?: string; bin?: string } = {}) {
  const { bin = '/nonexistent/haproxy', ...given } = options;
  const loaded = loadSettings({
    standardFiles: [],
    flags: [],
    env: {
      MTXPILOT_SERVERS: '[{"name":"mtx1","address":"127.0.0.1:1"}]',
      MTXPILOT_HAPROXY_BIN: bin,
    },
  });
  if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
  const findings = await runCheck({
    settings: loaded.settings,
    agentUrl: 'http://127.0.0.1:99999',
    env: {},
    ...given,
  });
  return { findings };
}

async function check(options: Parameters<typeof checkAll>[0] = {}) {
  const { findings } = await checkAll(options);
  return (id: string) =>
    findings.filter((finding) => finding.id === id).map(({ severity, what }) => `${severity}: ${what}`);
}

it('says that a file cannot be read', async () => {
  const found = await check({ file: '/nonexistent/haproxy.cfg' });
  expect(found('config.read')).toEqual([
    expect.stringMatching(/^error: \/nonexistent\/haproxy\.cfg cannot be read: .*\.$/),
  ]);
  // It goes on with what does not depend on the file.
  expect(found('server.hls')).toHaveLength(1);
  expect(found('agent.answers')).toEqual([expect.stringMatching(/^error: No agent answers at /)]);
});

it('says which setting makes an agent answer under a name', async () => {
  const server = createServer((_request, response) => response.writeHead(421).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { findings } = await checkAll({ agentUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    expect(findings.find(({ id }) => id === 'agent.answers')).toMatchObject({
      severity: 'error',
      what: expect.stringMatching(/it answers 421\.$/),
      change: expect.stringMatching(/http\.hosts/),
    });
  } finally {
    server.close();
  }
});

it.each([
  ['/nonexistent/haproxy', /^warning: The configuration was not checked by HAProxy: there is no program /],
  ['/etc/passwd', /^warning: The configuration was not checked by HAProxy: \/etc\/passwd may not be executed\.$/],
])('says that there is no program to ask: %s', async (bin, said) => {
  const config = shippedConfig();
  const found = await check({ file: config.file, bin });
  config.remove();
  expect(found('config.program')).toEqual([expect.stringMatching(said)]);
  expect(found('config.valid')).toEqual([]);
});

it('flies no canary where it is not known where viewers come in', async () => {
  const agent = createServer((_, response) => response.end('{}'));
  await new Promise<void>((done) => agent.listen(0, '127.0.0.1', done));
  const config = shippedConfig({
    name: 'a socket for viewers',
    line: 'bind "${MTX_BIND-127.0.0.1:8080}"',
    instead: 'bind /run/viewers.sock',
    finds: [],
  });
  const found = await check({
    file: config.file,
    agentUrl: `http://127.0.0.1:${(agent.address() as AddressInfo).port}`,
  });
  config.remove();
  agent.closeAllConnections();
  await new Promise((done) => agent.close(done));
  expect(found('canary')).toEqual([
    'warning: It is not known where viewers come in, and it cannot be tried from here: /run/viewers.sock (a Unix socket).',
  ]);
});

describe('the haproxy program', () => {
  let config: ConfigFolder;
  afterEach(() => config.remove());

  const start = '    localpeer "';
  const changed = (lines: string): void => {
    config = shippedConfig({ name: 'lines in global', line: start, instead: `${lines}\n${start}`, finds: [] });
  };

  /** Calls itself `version`, says `warning` of a configuration, and takes only what begins with feature(LUA) for true. It notes what it is asked. */
  function program({ version = '3.4.7-1', warning = '' } = {}): string {
    const path = join(config.folder, 'haproxy');
    const said = warning === '' ? '' : `[WARNING]  (4711) : config : ${warning}`;
    const script = `#!/bin/sh
case "$1" in
  -v) echo "HAProxy version ${version} 2026/10/14 - https://haproxy.org/" ;;
  -cc) echo "$2" >> "${config.folder}/asked"
    case "$2" in 'feature(LUA'*) exit 0 ;; nonsense*) echo "[ALERT] unparsable"; exit 2 ;; *) exit 1 ;; esac ;;
  *) echo "${said}" >&2 ;;
esac
`;
    writeFileSync(path, script, { mode: 0o755 });
    return path;
  }

  const asked = (): string[] =>
    existsSync(join(config.folder, 'asked'))
      ? readFileSync(join(config.folder, 'asked'), 'utf8').trim().split('\n')
      : [];

  it('warns, and that is not called a refusal', async () => {
    changed('');
    const bin = program({ warning: "parsing [haproxy.cfg:40] : 'nbthread' is odd" });
    const found = await check({ file: config.file, bin });
    expect(found('config.valid')).toEqual(['ok: HAProxy accepts the configuration.']);
    expect(found('config.warnings')).toEqual(["warning: HAProxy warns: 'nbthread' is odd"]);
    const { findings } = await checkAll({ file: config.file, bin });
    const warned = findings.find(({ id }) => id === 'config.warnings');
    expect(warned?.why).toMatch(/^HAProxy starts with it/);
    expect(warned?.place).toEqual({ file: config.file, line: 40 });
  });

  it('is asked about the conditions that only it can tell', async () => {
    changed(
      `.if feature(LUA) && version_atleast(2.6)
.if openssl_version_atleast(9.0.0) || streq(a,b)
    nbthread 1
.endif
.if nonsense(2) || !feature(LUA,x)
    nbthread 2
.endif
.endif`,
    );
    const found = await check({ file: config.file, bin: program() });
    expect(asked()).toEqual(['feature(LUA)', 'openssl_version_atleast(9.0.0)', 'nonsense(2)', 'feature(LUA,x)']);
    expect(found('config.conditions')).toEqual([
      'warning: Whether the condition "nonsense(2) || !feature(LUA,x)" holds cannot be decided here.',
    ]);
  });

  it('is asked a bounded number of times', async () => {
    changed(Array.from({ length: 100 }, (_, n) => `.if feature(LUA${n})\n.endif`).join('\n'));
    const found = await check({ file: config.file, bin: program() });
    expect(asked()).toHaveLength(32);
    expect(found('config.conditions')).toHaveLength(68);
  });

  it.each([
    ['3.4.7-1', '    user haproxy', 'warning: Root starts HAProxy, and global has no "chroot".'],
    ['3.4.7-1', '    user haproxy\n    chroot auto', 'ok: HAProxy is told what it may see (chroot auto).'],
    ['3.4.7-1', '    chroot /', 'ok: HAProxy is told what it may see (chroot /).'],
    // Nothing says who starts it.
    ['3.4.7-1', '', undefined],
    ['3.2.26-1', '    user haproxy', undefined],
  ])('%s warns at its start of a missing chroot: %s', async (version, lines, finding) => {
    changed(lines);
    const found = await check({ file: config.file, bin: program({ version }) });
    expect(found('config.chroot')).toEqual(finding === undefined ? [] : [finding]);
  });
});
