import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { PassThrough, Writable } from 'node:stream';
import { checkWithProgram } from '../../src/check/haproxy-program';
import { parseConfig } from '../../src/check/parse-config';
import { runCommandLine } from '../../src/cli/run-command-line';
import { type ConfigFolder, shippedConfig } from '../fixtures/check/apply';
import { type Misconfiguration, misconfigurations } from '../fixtures/check/misconfigurations';
import { startAgent } from '../support/agent';
import { haproxyBin, haproxyVersion } from '../support/haproxy';
import { type Lab, type LabOptions, startLab } from '../support/lab';
import { combinations } from '../support/matrix';
import { until } from '../support/until';

interface Found {
  readonly id: string;
  readonly severity: string;
  readonly what: string;
  readonly place?: { readonly file: string; readonly line: number };
}

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Runs `mtxpilot check` as people do, against a lab. */
async function check(lab: Lab, args: readonly string[] = []) {
  const home = lab.block.address(1);
  const stdout = new PassThrough();
  const chunks: Buffer[] = [];
  stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const stderr = new Writable({ write: (_chunk, _encoding, done) => done() });
  const settings = [
    `--haproxy-socket=${lab.haproxy.socket}`,
    `--http-listen=${home}:9101`,
    `--spoe-listen=${home}:9100`,
    `--peers-listen=${home}:9102`,
  ];
  const exitCode = await runCommandLine(['check', ...settings, `--set=haproxy.bin=${haproxyBin}`, '--json', ...args], {
    stdin: new PassThrough(),
    stdout,
    stderr,
    // The variables of HAProxy come from HAProxy, not from this process.
    env: { PATH: process.env['PATH'] },
    stopSignal: () => new AbortController().signal,
  });
  const { findings, errors, warnings } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
    findings: Found[];
    errors: number;
    warnings: number;
  };
  const all = findings.filter(({ severity }) => severity !== 'ok');
  const count = (wanted: string) => all.filter(({ severity }) => severity === wanted).length;
  expect([errors, warnings, exitCode]).toEqual([count('error'), count('warning'), exitCodeOf(all)]);
  // That the shipped file has no chroot is one thing; each of these tests is about another.
  const wrongs = all.filter(({ id }) => id !== 'config.chroot');
  return { exitCode: exitCodeOf(wrongs), findings, wrongs, ids: wrongs.map(({ id }) => id) };
}

function exitCodeOf(wrongs: readonly Found[]): number {
  return wrongs.some(({ severity }) => severity === 'error') ? 2 : wrongs.length > 0 ? 1 : 0;
}

const find = (findings: readonly Found[], id: string) => findings.find((finding) => finding.id === id);

async function lab(options: LabOptions = {}, change?: Misconfiguration): Promise<Lab> {
  let config: ConfigFolder | undefined;
  if (change !== undefined) {
    config = shippedConfig(change);
    closers.push(config.remove);
  }
  const started = await startLab({
    ...options,
    push: true,
    ...(config === undefined ? {} : { haproxyConfig: config.file }),
  });
  closers.push(() => started.stop());
  // Until its first check HAProxy takes every server for UP.
  await until('the check of the agent', async () => {
    return /^mtx_agent,agent1,.*,UP,.*,L\dOK,/m.test(await started.haproxy.runtime('show stat'));
  });
  return started;
}

/** The misconfiguration of that name. */
function named(name: string): Misconfiguration {
  const found = misconfigurations.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no misconfiguration "${name}"`);
  return found;
}

describe.each(combinations)(`HAProxy ${haproxyVersion}, $profile servers, bridge $bridge`, ({ profile, bridge }) => {
  it('has no finding as it is shipped, and the canary comes back decided', async () => {
    const running = await lab({ bridge, sim: { profile } });
    const { exitCode, wrongs, findings } = await check(running);
    expect(wrongs).toEqual([]);
    expect(exitCode).toBe(0);
    expect(find(findings, 'canary')?.what).toMatch(
      /^8 of 8 requests .* were decided by the agent \(mtx.*\), and HAProxy went/,
    );
    // It looked at the running HAProxy's own file, with HAProxy's own variables.
    expect(find(findings, 'runtime.config')?.what).toContain('haproxy/haproxy.cfg');
    expect(find(findings, 'bridge.present')?.what).toContain(bridge === 'spoe' ? 'SPOE' : 'Lua');
    expect(findings.filter(({ id }) => id === 'server.trust')).toHaveLength(3);
    expect(findings.filter(({ id }) => id === 'server.clock')).toHaveLength(3);
    expect(find(findings, 'server.version')?.what).toContain(`(${profile} era, fmp4)`);
    expect(findings.map(({ id }) => id)).toEqual(expect.arrayContaining(['config.valid', 'runtime.level', 'agent.up']));
  });
});

describe(`HAProxy ${haproxyVersion}: the canary`, () => {
  it('neither looks anything up nor stays anywhere', async () => {
    const running = await lab();
    const asked = () => running.fleet.servers.reduce((sum, server) => sum + server.counters()['paths/get'], 0);
    const before = asked();
    await check(running);
    expect(asked()).toBe(before);
    expect(await running.agent.metric('mtxpilot_lookups_total')).toBe(0);
    expect((await running.agent.get('/v1/streams')).body).toMatchObject({ total: 0 });
    expect(await running.haproxy.runtime('show table streams')).not.toContain('canary');
    expect(await running.haproxy.runtime('show table sessions')).not.toContain('canary');
    // HEAD only: on-demand sources are not started.
    const methods = running.fleet.servers.flatMap((server) =>
      server.requests().filter(({ path }) => path.includes('canary')),
    );
    expect(methods).toHaveLength(8);
    expect(new Set(methods.map(({ method, status }) => `${method} ${status ?? ''}`))).toEqual(new Set(['HEAD 404']));
  });

  it('says that the agent is down', async () => {
    const running = await lab();
    await running.agent.stop();
    await running.agentsUp(0);
    const { exitCode, ids } = await check(running);
    expect(ids).toEqual(['agent.up', 'agent.answers']);
    expect(exitCode).toBe(2);
  });

  it.each(['spoe', 'lua'] as const)('says that the agent is not asked: %s', async (bridge) => {
    const change: Misconfiguration =
      bridge === 'spoe'
        ? named('no question at all')
        : { ...named('no question at all'), line: 'http-request lua.mtxpilot', instead: '# http-request lua.mtxpilot' };
    const running = await lab({ bridge }, change);
    const { exitCode, wrongs, ids } = await check(running);
    expect(ids).toEqual([bridge === 'spoe' ? 'bridge.masters' : 'bridge.present', 'canary']);
    expect(wrongs.at(-1)?.what).toMatch(/^8 requests went through HAProxy \(status 404\), and the agent was not asked/);
    expect(exitCode).toBe(2);
  });

  it('says that the agent is asked and not followed', async () => {
    const running = await lab({}, named('the decision is not used'));
    const { exitCode, wrongs, ids } = await check(running);
    expect(ids).toEqual(['use-server', 'canary']);
    expect(wrongs.at(-1)?.what).toMatch(/^The agent decided for mtx\d, and HAProxy sent the request elsewhere/);
    expect(exitCode).toBe(2);
  });

  it('says that HAProxy is not there', async () => {
    const running = await lab();
    await running.haproxy.stop();
    const { exitCode, ids } = await check(running, ['haproxy/haproxy.cfg', `--viewers=${running.haproxy.url}`]);
    expect(ids).toEqual(expect.arrayContaining(['runtime.answers', 'viewers.answers']));
    expect(exitCode).toBe(2);
  });
});

describe(`HAProxy ${haproxyVersion}: the running process`, () => {
  it('is held against the file: another address, a server that is not there, one too many', async () => {
    const running = await lab();
    const other = shippedConfig({
      name: 'other servers',
      line: '    server mtx2 "${MTX2-127.0.0.12:8888}"\n    server mtx3 "${MTX3-127.0.0.13:8888}"\n',
      instead: '    server mtx2 10.9.9.9:8888\n    server mtx4 10.9.9.8:8888\n',
      finds: [],
    });
    closers.push(other.remove);
    const { exitCode, wrongs } = await check(running, [other.file]);
    expect(wrongs.map(({ id, what }) => `${id}: ${what.slice(0, 60)}`)).toEqual([
      expect.stringMatching(/^runtime\.config: HAProxy runs with /),
      expect.stringMatching(/^runtime\.servers: The server mtx2 runs with /),
      'runtime.servers: HAProxy runs without the server mtx4.',
      'runtime.servers: HAProxy has a server mtx3 that is not in the file.',
    ]);
    expect(exitCode).toBe(1);
  });

  it('has a socket that is too low', async () => {
    const running = await lab({}, named('a socket without admin level'));
    const { exitCode, ids } = await check(running);
    expect(ids).toEqual(['socket.admin', 'runtime.level']);
    expect(exitCode).toBe(2);
  });

  it('has servers in trouble', async () => {
    const running = await lab();
    await running.fleet.server('mtx2').kill();
    await until('mtx2 DOWN', async () => /^mtx,mtx2,.*,DOWN/m.test(await running.haproxy.runtime('show stat')));
    await running.haproxy.runtime('set server mtx/mtx3 state maint');
    const { wrongs, findings, exitCode } = await check(running);
    expect(wrongs.map(({ id, what }) => [id, what.includes('mtx2')])).toEqual([
      ['server.up', true],
      ['server.hls', true],
      ['server.api', true],
    ]);
    expect(findings.map(({ what }) => what)).toContain('mtx3 is in maintenance, and was not looked at.');
    expect(exitCode).toBe(2);
  });
});

describe(`HAProxy ${haproxyVersion}: what its program tells`, () => {
  it('a missing chroot is found exactly where HAProxy itself warns of it when it starts', async () => {
    const running = await lab();
    const { findings } = await check(running);
    const isWarned = running.haproxy.child.lines.some((line) => line.includes("without any 'chroot' directive"));
    expect(find(findings, 'config.chroot')?.severity).toBe(isWarned ? 'warning' : undefined);
    if (haproxyVersion === '3.4' && process.getuid?.() === 0) expect(isWarned).toBe(true);
  });

  it('conditions that only it can tell are asked of it', async () => {
    const start = '    localpeer "';
    const change = (lines: string): Misconfiguration => ({
      name: 'conditions',
      line: start,
      instead: `${lines}\n${start}`,
      finds: [],
    });
    const running = await lab(
      {},
      change('.if feature(NO_SUCH_THING)\n    no-such-keyword\n.elif openssl_version_atleast(1.0.0)\n.endif'),
    );
    const { wrongs, exitCode } = await check(running);
    expect(wrongs).toEqual([]);
    expect(exitCode).toBe(0);
  });
});

describe(`HAProxy ${haproxyVersion}: the file`, () => {
  it.each(misconfigurations.map((row) => [row.name, row] as const))('haproxy -c with %s', async (_, row) => {
    const config = shippedConfig(row);
    closers.push(config.remove);
    const environment = new Map([
      ['PATH', process.env['PATH'] ?? ''],
      ['MTX_ADMIN_SOCKET', `${config.folder}/admin.sock`],
      ...Object.entries(row.env ?? {}),
    ]);
    const findings = await checkWithProgram({
      bin: haproxyBin,
      files: [config.file],
      environment,
      folder: config.folder,
    });
    const severities = new Set(findings.map(({ severity }) => severity));
    const expected = { nothing: 'ok', 'may warn': undefined, warns: 'warning', refuses: 'error' } as const;
    const severity = expected[row.haproxy ?? 'nothing'];
    // The warnings differ by version; a refusal and a silence do not.
    if (severity !== undefined) expect([...severities]).toContain(severity);
    if (row.haproxy !== 'refuses') expect(severities.has('error')).toBe(false);
  });

  // Version 2.6 does not print what it has read.
  const itIfPrinted = haproxyVersion === '2.6' ? it.skip : it;
  itIfPrinted.each([
    {},
    { MTX_BRIDGE: 'lua' },
    { MTX_SHOW_SERVER: 'x', MTX_HOME: '/a b', MTX_AGENT2: '127.0.0.1:9110' },
  ])('is taken apart as HAProxy takes it apart: %j', (env) => {
    const config = shippedConfig();
    closers.push(config.remove);
    const own = { ...env, MTX_ADMIN_SOCKET: `${config.folder}/admin.sock` };
    // Prints every line as words (management guide, "-dC").
    const { stdout, stderr } = spawnSync(haproxyBin, ['-dC', '-c', '-f', config.file], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], ...own },
    });
    const theirs = `${stdout}${stderr}`.split('\n').map((line) => line.trim());
    const version = /version (\S+)/.exec(execFileSync(haproxyBin, ['-v'], { encoding: 'utf8' }))?.[1];
    const text = readFileSync(config.file, 'utf8');
    const { sections } = parseConfig([{ file: config.file, text }], {
      environment: new Map(Object.entries(own)),
      version,
    });
    const ours = sections.flatMap(({ kind, words, lines }) => [
      [kind, ...words].join(' '),
      ...lines.map((line) => line.words.join(' ')),
    ]);
    // HAProxy prints the sections of .if blocks that do not hold too, so every line of ours must be there, in order.
    let at = 0;
    for (const line of ours) {
      at = theirs.indexOf(line.trim(), at) + 1;
      expect([line, at > 0]).toEqual([line, true]);
    }
    expect(ours.length).toBeGreaterThan(70);
  });
});

describe('at the start of the agent', () => {
  it('what is wrong becomes log lines, after it runs', async () => {
    const change = named('segments are tried on other servers');
    const config = shippedConfig(change);
    closers.push(config.remove);
    const running = await lab({ sim: { trustedProxies: [] } });
    const home = running.block.address(1);
    const agent = await startAgent({
      spoe: `${home}:9110`,
      http: `${home}:9111`,
      haproxySocket: '',
      config: { check: { atStart: true }, haproxy: { socket: running.haproxy.socket, config: config.file } },
    });
    closers.push(() => agent.stop());
    const lines = await until('the lines of the check', () => {
      const said = agent.child.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      return said.filter(({ check }) => check === 'server.trust').length === 3 && said;
    });
    const isRunning = lines.findIndex(({ msg }) => msg === 'mtxpilot agent is running');
    const found = lines.filter(({ check }) => check !== undefined);
    expect(lines.findIndex(({ check }) => check !== undefined)).toBeGreaterThan(isRunning);
    // HAProxy asks this agent as its second one, and does not know it as a peer.
    expect(found.map(({ check, level }) => [check, level])).toEqual([
      ['retries.masters', 50],
      ['peers.agent', 40],
      // HAProxy runs with the shipped file.
      ['runtime.config', 40],
      ['server.trust', 40],
      ['server.trust', 40],
      ['server.trust', 40],
    ]);
    expect(found[0]).toMatchObject({
      file: config.file,
      line: expect.any(Number),
      change: expect.stringContaining('disable-l7-retry'),
      msg: expect.stringMatching(
        /^Segments and media playlists .* are tried on another server\. .* stops with an error\.$/,
      ),
    });
    // Nothing went through HAProxy.
    expect(running.haproxy.requests()).toEqual([]);
  });

  it('the file that HAProxy runs with is looked at where nobody names one, and HAProxy itself is asked about it', async () => {
    const config = shippedConfig(named('localpeer names nobody'));
    closers.push(config.remove);
    const running = await lab({ haproxyConfig: config.file });
    const home = running.block.address(1);
    const agent = await startAgent({
      spoe: `${home}:9110`,
      http: `${home}:9111`,
      haproxySocket: '',
      config: { check: { atStart: true }, haproxy: { socket: running.haproxy.socket, bin: haproxyBin } },
    });
    closers.push(() => agent.stop());
    const lines = await until('the lines of the check', () => {
      const said = agent.child.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      return said.some(({ check: id }) => id === 'peers.local') && said;
    });
    const found = lines.filter(({ check: id }) => id === 'peers.local' || id === 'config.warnings');
    expect(found.map(({ check: id, level }) => [id, level])).toEqual([
      ['config.warnings', 40],
      ['peers.local', 50],
    ]);
    expect(found[1]).toMatchObject({ file: config.file, line: expect.any(Number) as number });
  });

  it.each([
    [
      'is followed',
      undefined,
      30,
      /^8 of 8 requests through \S+ were decided by the agent \(.+\), and HAProxy went where it said\.$/,
    ],
    [
      'is not asked',
      'no question at all',
      50,
      /^8 requests went through HAProxy \(status 404\), and the agent was not asked/,
    ],
  ] as const)(
    'the only agent of its HAProxy sends a canary, and tells whether it %s',
    async (_, change, level, said) => {
      const options: LabOptions = { isSoleAgent: true, agentConfig: { check: { atStart: true } } };
      const running = await lab(options, change === undefined ? undefined : named(change));
      const line = await until('the canary', () =>
        running.agent.child.lines
          .map((text) => JSON.parse(text) as Record<string, unknown>)
          .find(({ check: id }) => id === 'canary'),
      );
      expect(line).toMatchObject({ level, msg: expect.stringMatching(said) as string });
    },
  );
});
