// The end-to-end tests on other HAProxy versions than the installed one, from other releases of Debian.
// HAPROXY_RELEASES=trixie chooses; a release is unpacked once, into a cache outside the checkout.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { jest, summary } from './jest.mjs';
import { build, ensurePackages, ensurePrograms, fail, testPrograms } from './setup.mjs';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mtxpilot');
/** What the tests are to run on. Debian's sid moves on, so that a number is no promise of it. */
const expected = { trixie: '3.0', sid: '3.2' };
const releases = (process.env.HAPROXY_RELEASES ?? 'trixie,sid').split(',');

/** An executable of the release's HAProxy that finds the libraries of its own release. Ends the process when it is not the expected version. */
export function haproxyOf(release) {
  const bin = unpackedHaproxyOf(release);
  const found = execFileSync(bin, ['-v'], { encoding: 'utf8' }).split('\n')[0];
  const version = expected[release];
  if (version !== undefined && !found.includes(`version ${version}.`))
    fail(
      `Debian's ${release} should have HAProxy ${version}, but ${bin} is "${found}": remove ${join(cache, release)} if it is old, else choose ` +
        'another release that has it, here and in HAPROXY_RELEASES',
    );
  console.error(found);
  return bin;
}

function unpackedHaproxyOf(release) {
  const root = join(cache, release);
  const bin = join(root, 'haproxy');
  if (existsSync(bin)) return bin;
  ensurePrograms(['debootstrap', 'patchelf']);
  const unpacking = `${root}.new`;
  rmSync(unpacking, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  console.error(`unpacking HAProxy of ${release}`);
  const made = spawnSync('debootstrap', ['--variant=minbase', '--include=haproxy', release, unpacking], {
    encoding: 'utf8',
  });
  if (made.status !== 0)
    fail(`debootstrap of ${release} failed: ${made.stdout?.slice(-500)}${made.stderr ?? made.error}`);
  copyFileSync(join(unpacking, 'usr/sbin/haproxy'), join(unpacking, 'haproxy'));
  const interpreter = patchelf('--print-interpreter', join(unpacking, 'haproxy'));
  const libraries = join(root, 'usr/lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`);
  patchelf(
    '--set-interpreter',
    join(root, interpreter),
    '--force-rpath',
    '--set-rpath',
    libraries,
    join(unpacking, 'haproxy'),
  );
  rmSync(root, { recursive: true, force: true });
  renameSync(unpacking, root);
  return bin;
}

function patchelf(...args) {
  return execFileSync('patchelf', args, { encoding: 'utf8' }).trim();
}

ensurePackages();
ensurePrograms(testPrograms);
build();
// What these tests look at is the same behind every HAProxy; they run on the installed one only.
const anyHaproxy = [
  'admin',
  'cli',
  'dashboard',
  'dashboard-many',
  'demo',
  'events',
  'delivery',
  'performance',
  'shared-store',
];
const others = ['test/e2e', '--testPathIgnorePatterns', `/test/e2e/(${anyHaproxy.join('|')})\\.test\\.ts$`];
const chosen = process.argv.slice(2);
const versions = releases.map((release) => ({ release, HAPROXY_BIN: haproxyOf(release) }));
// Side by side: these tests mostly wait, and each takes addresses of its own.
const passed = await Promise.all(
  versions.map(({ release, HAPROXY_BIN }) => {
    const args = ['--runInBand', ...(chosen.length > 0 ? chosen : others)];
    return jest(`e2e-${release}`, args, { HAPROXY_BIN }, versions.length > 1);
  }),
);
console.log(summary().line);
process.exit(passed.every(Boolean) ? 0 : 1);
