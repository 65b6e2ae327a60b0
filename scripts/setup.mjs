// What a fresh Debian machine with Node lacks: npm's packages, and programs from Debian's packages.
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

// Debian's users do not look there, where its haproxy is; whatever is started from here does.
process.env.PATH = [process.env.PATH ?? '', '/usr/sbin'].filter(Boolean).join(delimiter);

/** Program -> Debian packages. */
const packages = {
  haproxy: 'haproxy',
  ffmpeg: 'ffmpeg',
  chromium: 'chromium',
  'redis-server': 'redis-server',
  openssl: 'openssl',
  promtool: 'prometheus',
  cvlc: 'vlc-bin vlc-plugin-base',
  wrk: 'wrk',
  debootstrap: 'debootstrap',
  patchelf: 'patchelf',
  curl: 'curl',
};

/** What is unpacked or installed once, outside the checkout. */
export const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mtxpilot');

/** What the tests run as real parts. */
export const testPrograms = ['haproxy', 'ffmpeg', 'chromium', 'redis-server', 'openssl', 'promtool', 'cvlc', 'curl'];

/** Installs npm's packages when they are missing or older than the lock file. */
export function ensurePackages() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Node ${process.versions.node} is too old: 20.19 or newer is needed, and 24 is recommended`);
  if (arePackagesInstalled()) return;
  alone('.', () => {
    if (arePackagesInstalled()) return;
    console.error("mtxpilot: installing npm's packages into node_modules");
    // Not `npm ci`: it refuses a lock file made where packages for other operating systems could not be had.
    run('npm', ['install', '--no-save', '--no-audit', '--no-fund'], 'npm could not install the dependencies');
  });
}

function arePackagesInstalled() {
  const installed = 'node_modules/.package-lock.json';
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync('package-lock.json').mtimeMs;
}

/** Installs missing programs with apt; says what to do where it cannot. */
export function ensurePrograms(programs) {
  const missing = programs.filter((program) => !isOnPath(program));
  if (missing.length === 0) return;
  installPackages(
    missing,
    missing.flatMap((program) => packages[program].split(' ')),
  );
}

function installPackages(missing, names) {
  const advice = `missing: ${missing.join(', ')}. On Debian: apt-get install ${names.join(' ')}`;
  if (!isOnPath('apt-get')) fail(`${advice} (there is no apt-get here: install them your system's way)`);
  if (process.getuid?.() !== 0) fail(`${advice} (as root, then run this again)`);
  console.error(`mtxpilot: installing Debian's packages ${names.join(' ')}, for ${missing.join(', ')}`);
  aptGet(['update'], advice);
  aptGet(['install', '-y', '--no-install-recommends', ...names], advice);
}

/**
 * Installs schemathesis, which checks the API against its own description, with Python's pip into a folder of its own; returns the executable.
 * SCHEMATHESIS_BIN names another one.
 */
export function ensureSchemathesis() {
  if (process.env.SCHEMATHESIS_BIN) return process.env.SCHEMATHESIS_BIN;
  const pins = 'scripts/schemathesis.txt';
  const wanted = readFileSync(pins, 'utf8');
  const version = /^schemathesis==(\S+)$/m.exec(wanted)[1];
  const folder = join(cache, `schemathesis-${version}`);
  const program = join(folder, 'bin', 'schemathesis');
  // Copied there when all is installed.
  const done = join(folder, 'installed.txt');
  const isInstalled = () => existsSync(done) && readFileSync(done, 'utf8') === wanted && answers(program);
  if (isInstalled()) return program;
  const python = pythonWithVenv();
  mkdirSync(cache, { recursive: true });
  alone(cache, () => {
    if (isInstalled()) return;
    console.error(`mtxpilot: installing schemathesis ${version} with pip into ${folder}`);
    rmSync(folder, { recursive: true, force: true });
    run(python, ['-m', 'venv', folder], `${python} could not make ${folder}`);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', pins];
    run(
      join(folder, 'bin', 'python3'),
      pip,
      `pip could not install schemathesis (SCHEMATHESIS_BIN names one that is there)`,
    );
    copyFileSync(pins, done);
  });
  return program;
}

/** A Python that can make an environment with pip: Debian's has that in a package apart. */
function pythonWithVenv() {
  const find = () =>
    ['python3', '/usr/bin/python3'].find((python) =>
      succeeds(python, ['-c', 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))']),
    );
  const found = find();
  if (found !== undefined) return found;
  installPackages(['python3 (3.10 or newer) with venv'], ['python3-venv']);
  return find() ?? fail('there is no Python 3.10 or newer with venv and ensurepip, which schemathesis needs');
}

/** Whether the program starts: its Python may have gone since it was installed. */
function answers(program) {
  return succeeds(program, ['--version']);
}

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Runs apt-get; waits, and says so, while another program has locked what it needs: the lists, the archives, or dpkg's state. */
export function aptGet(args, complaint) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
  let said;
  for (;;) {
    // Not DPkg::Lock::Timeout: it covers dpkg's locks alone, and what it says goes unseen with the rest of standard error.
    const quiet = said === undefined ? '-q' : '-qq';
    const { status, error, stderr } = spawnSync('apt-get', [quiet, ...args], {
      stdio: ['ignore', 2, 'pipe'],
      env,
      encoding: 'utf8',
    });
    const held =
      status === 0 ? null : /Could not get lock (\S+?)\.?(?:\s+It is held by ([^\n]*))?$/m.exec(stderr ?? '');
    if (held === null) {
      process.stderr.write(stderr ?? '');
      if (status !== 0) fail(`${complaint}${error ? `: ${error.message}` : ''}`);
      return;
    }
    const [, lock, holder = 'another program'] = held;
    if (said !== lock + holder)
      console.error(`mtxpilot: waiting until apt's lock ${lock} is free: it is held by ${holder}`);
    said = lock + holder;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  }
}

/** Does it while no other set-up does, of those that name the same folder. The system gives the lock back when this process ends, however it does. */
export function alone(folder, work) {
  const lock = openSync(folder, 'r');
  try {
    // Without flock (it is Linux's) everybody goes ahead.
    if (isOnPath('flock') && !isLocked(lock, ['--nonblock'])) {
      console.error(`mtxpilot: waiting until another set-up is done here: ${folder}`);
      isLocked(lock, []);
    }
    return work();
  } finally {
    closeSync(lock);
  }
}

/** The child locks the open file, which this process shares with it: so the lock stays when the child has ended. */
function isLocked(lock, options) {
  return spawnSync('flock', [...options, '3'], { stdio: ['ignore', 2, 2, lock] }).status === 0;
}

export function build() {
  run(process.execPath, ['scripts/build.mjs'], 'the build failed');
}

/** Builds, unless the build that is there is newer than everything that it is made of: other programs may be running from it. */
export function buildIfOld() {
  const built = existsSync('dist/.built') ? statSync('dist/.built').mtimeMs : 0;
  const sources = ['src', 'ui', 'scripts/build.mjs', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  if (sources.some((source) => newestChange(source) > built)) build();
}

/** When a file, or anything in a folder, last changed, came or went. */
function newestChange(path) {
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(status.mtimeMs, ...readdirSync(path).map((name) => newestChange(join(path, name))));
}

/** Whether a program can be started by its name. */
export function isOnPath(program) {
  return process.env.PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function run(command, args, complaint) {
  // What set-up prints is no part of a command's own output.
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) fail(`${complaint}${error ? `: ${error.message}` : ''}`);
}

export function fail(message) {
  console.error(`mtxpilot: ${message}`);
  process.exit(1);
}
