// The end-to-end tests on other HAProxy versions than the installed one, from other releases of Debian.
// HAPROXY_RELEASES=trixie,sid chooses, oldest first (the last one runs everything); a release is unpacked once, into a cache outside the checkout.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jestConfig from '../jest.config.cjs';
import { jest, sideBySide, summary } from './jest.mjs';
import { alone, build, cache, ensurePackages, ensurePrograms, fail, testPrograms } from './setup.mjs';

/** What the tests are to run on. Debian's sid and experimental move on, so that a number is no promise of them. */
const expected = { trixie: '3.0', sid: '3.2', experimental: '3.4' };
/** Releases that are no whole system: a few packages over another release, which brings the rest. */
const bases = { experimental: 'sid' };
const releases = (process.env.HAPROXY_RELEASES ?? 'trixie,sid,experimental').split(',');

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
  const bin = join(cache, release, 'haproxy');
  if (existsSync(bin)) return bin;
  ensurePrograms(['debootstrap', 'patchelf']);
  const base = bases[release];
  if (base !== undefined) unpackedHaproxyOf(base);
  mkdirSync(cache, { recursive: true });
  alone(cache, () => {
    if (!existsSync(bin)) unpack(release, base);
  });
  return bin;
}

function unpack(release, base) {
  const root = join(cache, release);
  const unpacking = `${root}.new`;
  rmSync(unpacking, { recursive: true, force: true });
  console.error(`mtxpilot: unpacking HAProxy of ${release}${base === undefined ? '' : `, over ${base}`}`);
  if (base === undefined) {
    command('debootstrap', ['--variant=minbase', '--include=haproxy', release, unpacking]);
  } else {
    command('cp', ['-a', join(cache, base), unpacking]);
    unpackOver(unpacking, base, release);
    rmSync(join(unpacking, 'haproxy'));
  }
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
}

/**
 * Unpacks the release's HAProxy, and the libraries that it needs newer than the base has them, over the unpacked base in `folder`.
 * This machine's apt fetches them, by its own proxies and certificates, from where debootstrap found the base; lists and locks are private.
 */
function unpackOver(folder, base, release) {
  const work = join(folder, 'fetched');
  for (const name of ['lists/partial', 'archives/partial', 'none']) mkdirSync(join(work, name), { recursive: true });
  const sources = readFileSync(join(folder, 'etc/apt/sources.list'), 'utf8');
  writeFileSync(join(work, 'sources.list'), `${sources}\n${sources.replaceAll(` ${base} `, ` ${release} `)}`);
  const places = {
    'Dir::State::Status': join(folder, 'var/lib/dpkg/status'),
    'Dir::State::Lists': join(work, 'lists'),
    'Dir::State::extended_states': join(work, 'extended_states'),
    'Dir::Cache': work,
    'Dir::Cache::Archives': join(work, 'archives'),
    'Dir::Etc::SourceList': join(work, 'sources.list'),
    'Dir::Etc::SourceParts': join(work, 'none'),
    'Dir::Etc::PreferencesParts': join(work, 'none'),
    'Dir::Etc::Preferences': join(work, 'preferences'),
  };
  const options = ['-q', ...Object.entries(places).flatMap(([name, place]) => ['-o', `${name}=${place}`])];
  command('apt-get', [...options, 'update']);
  const install = ['install', '-y', '--no-install-recommends', '--download-only', '-t', release, 'haproxy'];
  command('apt-get', [...options, ...install]);
  for (const name of readdirSync(join(work, 'archives')).filter((name) => name.endsWith('.deb')))
    command('dpkg-deb', ['--extract', join(work, 'archives', name), folder]);
  rmSync(work, { recursive: true });
}

function command(program, args) {
  const done = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (done.status !== 0)
    fail(`${program} ${args.join(' ')} failed: ${done.stdout?.slice(-500)}${done.stderr ?? done.error}`);
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
  'hls-settings',
  'openapi-schemathesis',
  'performance',
  'readme-relay',
  'relay-api',
  'relay-cards',
  'relay-channel',
  'relay-hls-ts',
  'relay-live',
  'relay-passthrough',
  'relay-resolver',
  'relay-restart',
  'relay-secrets',
  'relay-ts-hls',
  'relay-view',
  'relay-vlc',
  'shared-store',
];
const others = [`/test/e2e/(${anyHaproxy.join('|')})\\.test\\.ts$`];
/**
 * What versions between the installed and the newest one run: where HAProxy's own answers, files and protocols are met (its Runtime API, SPOE before and after
 * its new engine of 3.1, peers, Lua, `haproxy -c`, reloads). How the agent lives, fails and is lied to is the same behind all of them, and takes two thirds of
 * the time: the newest runs it, beside the installed one. So three versions take no longer here than two did with everything.
 */
const ofHaproxy = [
  'check',
  'control-haproxy',
  'control-restart',
  'lua-bridge',
  'observe-haproxy',
  'peers-reload',
  'push',
  'relay-haproxy',
  'route',
  'runtime',
  'server-template',
  'viewers',
  'viewers-agent',
];
const middle = ofHaproxy.map((name) => `<rootDir>/test/e2e/${name}.test.ts`);
const chosen = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-matrix-'));
const configFile = join(folder, 'jest.json');
/** One run over all versions, so that no core waits for the slowest one. */
const projects = releases.map((release, index) => {
  const all = chosen.length > 0 || index === releases.length - 1;
  return {
    ...jestConfig,
    rootDir: process.cwd(),
    displayName: release,
    globals: { haproxyBin: haproxyOf(release) },
    setupFiles: ['<rootDir>/test/support/choose-haproxy.cjs'],
    testMatch: all ? ['<rootDir>/test/e2e/**/*.test.ts'] : middle,
    testPathIgnorePatterns: chosen.length > 0 ? [] : others,
  };
});
writeFileSync(configFile, JSON.stringify({ testTimeout: jestConfig.testTimeout, projects }));
const passed = await jest('matrix', ['--config', configFile, sideBySide, ...chosen]);
rmSync(folder, { recursive: true });
console.log(summary().line);
process.exit(passed ? 0 : 1);
