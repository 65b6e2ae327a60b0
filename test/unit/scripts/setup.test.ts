import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Child, startChild } from '../../support/child-process';
import { until } from '../../support/until';

const setup = pathToFileURL(resolve('scripts/setup.mjs')).href;
let folder: string;
let children: Child[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-setup-'));
  children = [];
});

afterEach(async () => {
  await Promise.all(children.map((child) => child.stop('SIGKILL')));
  rmSync(folder, { recursive: true, force: true });
});

function start(command: string, args: readonly string[], env: Record<string, string> = {}): Child {
  const child = startChild(command, args, env, folder);
  children.push(child);
  return child;
}

/** A set-up of its own that runs `code`, which sees what scripts/setup.mjs exports as `setup`. */
function startSetup(code: string, env: Record<string, string> = {}): Child {
  return start(process.execPath, ['-e', `import('${setup}').then((setup) => { ${code} });`], env);
}

/** PATH with a program before all others that runs `script`, and then the real one. */
function pathWith(program: string, script: string): string {
  const path = process.env['PATH'] ?? '';
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin', program), `#!/bin/sh\n${script}\nPATH='${path}' exec ${program} "$@"\n`, {
    mode: 0o755,
  });
  return `${join(folder, 'bin')}:${path}`;
}

const says = (child: Child, what: RegExp) =>
  until(`a line like ${what}`, () => child.lines.find((line) => what.test(line)));

// Elsewhere set-up only says what is missing.
const whereAptIs = existsSync('/usr/bin/apt-get') ? describe : describe.skip;

whereAptIs('apt, with its lists, archives and state in a folder of its own', () => {
  // Holds a file's lock as apt does, until its input ends. Debian always has perl; the layout of struct flock is that of 64-bit Linux.
  const holder = `
    use Fcntl qw(:DEFAULT :seek);
    open(my $file, '+>', $ARGV[0]) or die $!;
    my $lock = pack('s s x4 q q l x4', F_WRLCK, SEEK_SET, 0, 0, 0);
    fcntl($file, F_SETLK, $lock) or die $!;
    $| = 1; print "held\\n"; <STDIN>;`;
  const update = 'update';
  const install = 'install -y --download-only tool';
  let env: Record<string, string>;

  beforeEach(() => {
    const subfolders = ['etc/apt/sources.list.d', 'etc/apt/preferences.d', 'var/lib/apt/lists/partial', 'var/lib/dpkg'];
    for (const name of [...subfolders, 'var/cache/apt/archives/partial', 'source'])
      mkdirSync(join(folder, name), { recursive: true });
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
    write(
      'apt.conf',
      `Dir "${folder}";\nDir::State::status "${folder}/var/lib/dpkg/status";\nAPT::Sandbox::User "";\n`,
    );
    write('var/lib/dpkg/status', '');
    write('etc/apt/sources.list', `deb [trusted=yes] file:${folder}/source ./\n`);
    const tool = 'not unpacked';
    const sum = createHash('sha256').update(tool).digest('hex');
    write('source/tool.deb', tool);
    write(
      'source/Packages',
      `Package: tool\nVersion: 1\nArchitecture: all\nFilename: ./tool.deb\nSize: ${tool.length}\nSHA256: ${sum}\nDescription: a tool\n`,
    );
    env = { APT_CONFIG: join(folder, 'apt.conf'), PATH: pathWith('apt-get', 'echo try >> tries') };
  });

  const startApt = (args: string, complaint = 'not installed') =>
    startSetup(`setup.aptGet(${JSON.stringify(args.split(' '))}, '${complaint}'); console.log('done');`, env);

  it.each([
    ['lists', update, 'var/lib/apt/lists/lock'],
    ['archives', install, 'var/cache/apt/archives/lock'],
    ["dpkg's frontend", install, 'var/lib/dpkg/lock-frontend'],
    ["dpkg's database", install, 'var/lib/dpkg/lock'],
  ])('waits for the lock of the %s, says who holds it, and goes on', async (_name, command, lock) => {
    expect(await startApt(update).exited).toBe(0);
    const other = start('perl', ['-e', holder, join(folder, lock)]);
    await says(other, /^held$/);
    const apt = startApt(command);
    const waiting = await says(apt, /^mtxpilot: waiting/);
    expect(waiting).toContain(join(folder, lock));
    expect(waiting).toContain(`process ${other.pid} (perl)`);
    await until('more tries', () => readFileSync(join(folder, 'tries'), 'utf8').split('\n').length > 4);
    other.process.stdin?.end();
    expect(await apt.exited).toBe(0);
    expect(apt.lines.at(-1)).toBe('done');
    expect(apt.lines.filter((line) => line.startsWith('mtxpilot:'))).toHaveLength(1);
  });

  it('does not wait when something else is wrong', async () => {
    const apt = startApt('install -y no-such-package', 'missing: it');
    expect(await apt.exited).toBe(1);
    expect(apt.lines.join('\n')).toMatch(/Unable to locate package no-such-package/);
    expect(apt.lines.at(-1)).toBe('mtxpilot: missing: it');
  });
});

describe('several set-ups at once', () => {
  const work = `setup.alone('.', () => { console.log('in'); require('node:fs').readSync(0, Buffer.alloc(1)); }); console.log('out');`;

  it('take turns', async () => {
    const first = startSetup(work);
    await says(first, /^in$/);
    const second = startSetup(work);
    await says(second, /^mtxpilot: waiting until another set-up/);
    expect(second.lines).not.toContain('in');
    first.process.stdin?.end();
    await says(second, /^in$/);
    // The lines of two processes may come in any order.
    await says(first, /^out$/);
  });

  it('do not wait for one that was killed', async () => {
    const first = startSetup(work);
    await says(first, /^in$/);
    const second = startSetup(work);
    await says(second, /^mtxpilot: waiting/);
    await first.stop('SIGKILL');
    await says(second, /^in$/);
  });

  it("install npm's packages once, and say so before they do", async () => {
    writeFileSync(join(folder, 'package-lock.json'), '{}');
    const npm = `echo npm "$@"; until [ -e go ] || [ ! -e package-lock.json ]; do sleep 0.05; done; mkdir node_modules; echo {} > node_modules/.package-lock.json; exit`;
    const env = { PATH: pathWith('npm', npm) };
    const first = startSetup('setup.ensurePackages();', env);
    await says(first, /^npm install/);
    expect(first.lines[0]).toBe("mtxpilot: installing npm's packages into node_modules");
    const second = startSetup('setup.ensurePackages();', env);
    await says(second, /^mtxpilot: waiting/);
    writeFileSync(join(folder, 'go'), '');
    expect(await first.exited).toBe(0);
    expect(await second.exited).toBe(0);
    expect(second.lines).toHaveLength(1);
  });
});

describe('what is missing', () => {
  const asRoot = process.getuid?.() === 0 ? it : it.skip;
  asRoot("is installed from Debian's packages, after a line that says what and for what", async () => {
    pathWith('apt-get', 'echo apt "$@"; exit');
    const set = startSetup("setup.ensurePrograms(['redis-server', 'promtool']);", { PATH: join(folder, 'bin') });
    expect(await set.exited).toBe(0);
    expect(set.lines).toEqual([
      "mtxpilot: installing Debian's packages redis-server prometheus, for redis-server, promtool",
      'apt -q update',
      'apt -q install -y --no-install-recommends redis-server prometheus',
    ]);
  });

  it('is installed from PyPI, after a line that says what and where', async () => {
    mkdirSync(join(folder, 'scripts'));
    writeFileSync(join(folder, 'scripts/schemathesis.txt'), 'schemathesis==1.2.3\n');
    const installed = join(folder, 'cache/mtxpilot/schemathesis-1.2.3');
    // One program is Python and, as what it installs, its pip.
    const python = `
      case "$*" in
        "-m venv "*) echo python "$@"; mkdir -p "$3/bin"; ln -s "$0" "$3/bin/python3" ;;
        "-m pip "*) echo pip "$@"; ln -s "$0" "\${0%/*}/schemathesis" ;;
      esac
      exit 0`;
    const env = { PATH: pathWith('python3', python), XDG_CACHE_HOME: join(folder, 'cache'), SCHEMATHESIS_BIN: '' };
    const code = 'console.log(setup.ensureSchemathesis());';
    const first = startSetup(code, env);
    expect(await first.exited).toBe(0);
    expect(first.lines[0]).toBe(`mtxpilot: installing schemathesis 1.2.3 with pip into ${installed}`);
    expect(first.lines[1]).toBe(`python -m venv ${installed}`);
    expect(first.lines[2]).toMatch(/^pip -m pip install .*-r scripts\/schemathesis\.txt$/);
    expect(first.lines[3]).toBe(join(installed, 'bin/schemathesis'));
    const second = startSetup(code, env);
    expect(await second.exited).toBe(0);
    expect(second.lines).toEqual([join(installed, 'bin/schemathesis')]);
  });
});
