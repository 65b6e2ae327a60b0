// What a fresh Debian machine with Node 20 lacks: npm's packages, and programs from Debian's packages.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

// Debian's users do not look there, where its haproxy is; whatever is started from here does.
process.env.PATH = [process.env.PATH ?? '', '/usr/sbin'].filter(Boolean).join(delimiter);

/** Program -> Debian package. */
const packages = {
  haproxy: 'haproxy',
  ffmpeg: 'ffmpeg',
  chromium: 'chromium',
  'redis-server': 'redis-server',
  openssl: 'openssl',
  promtool: 'prometheus',
  wrk: 'wrk',
  debootstrap: 'debootstrap',
  patchelf: 'patchelf',
};

/** What the tests run as real parts. */
export const testPrograms = ['haproxy', 'ffmpeg', 'chromium', 'redis-server', 'openssl', 'promtool'];

/** Installs npm's packages when they are missing or older than the lock file. */
export function ensurePackages() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Node ${process.versions.node} is too old: 20.19 or newer is needed`);
  const installed = 'node_modules/.package-lock.json';
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync('package-lock.json').mtimeMs) return;
  // Not `npm ci`: it refuses a lock file made where packages for other operating systems could not be had.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund'], 'npm could not install the dependencies');
}

/** Installs missing programs with apt; says what to do where it cannot. */
export function ensurePrograms(programs) {
  const missing = programs.filter((program) => !isOnPath(program));
  if (missing.length === 0) return;
  const names = missing.map((program) => packages[program]).join(' ');
  const advice = `missing: ${missing.join(', ')}. On Debian: apt-get install ${names}`;
  if (!isOnPath('apt-get')) fail(`${advice} (there is no apt-get here: install them your system's way)`);
  if (process.getuid?.() !== 0) fail(`${advice} (as root, then run this again)`);
  console.error(`installing ${names}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['-q', 'update'], advice, env);
  run(
    'apt-get',
    ['-q', 'install', '-y', '--no-install-recommends', ...missing.map((program) => packages[program])],
    advice,
    env,
  );
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

function run(command, args, complaint, env = process.env) {
  // What set-up prints is no part of a command's own output.
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2], env });
  if (status !== 0) fail(`${complaint}${error ? `: ${error.message}` : ''}`);
}

export function fail(message) {
  console.error(`mtxpilot: ${message}`);
  process.exit(1);
}
