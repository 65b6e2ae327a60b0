// The unit and contract tests on the supported Node versions that are not the running one, from npm's packages of Node's executables.
// NODE_VERSIONS=22,24 chooses; a version is installed once, into a cache outside the checkout.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { jest, sideBySide, summary } from './jest.mjs';
import { alone, build, cache, ensurePackages, ensurePrograms, fail, testPrograms } from './setup.mjs';

const running = process.versions.node.split('.')[0];
const versions = process.env.NODE_VERSIONS?.split(',') ?? ['20', '22', '24'].filter((major) => major !== running);

/** The executable of a major version, the newest that npm has when it is installed. Ends the process when there is none for this machine. */
function nodeOf(major) {
  if (!/^\d+$/.test(major)) fail(`NODE_VERSIONS has "${major}"; it takes major versions, such as 22,24`);
  if (major === running) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(cache, `node-${major}`);
  const bin = join(folder, 'node_modules', name, 'bin', 'node');
  mkdirSync(cache, { recursive: true });
  alone(cache, () => {
    if (existsSync(bin)) return;
    const unpacking = `${folder}.new`;
    rmSync(unpacking, { recursive: true, force: true });
    mkdirSync(unpacking);
    console.error(`mtxpilot: installing Node ${major} with npm into ${folder}`);
    const install = ['install', '--prefix', unpacking, '--no-save', '--no-audit', '--no-fund', `${name}@${major}`];
    if (spawnSync('npm', install, { stdio: ['ignore', 2, 2] }).status !== 0)
      fail(`npm could not install ${name}@${major} (NODE_VERSIONS chooses other versions)`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(unpacking, folder);
  });
  return bin;
}

ensurePackages();
ensurePrograms(testPrograms);
build();
let passed = true;
for (const major of versions) {
  const node = nodeOf(major);
  console.error(`Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`);
  passed = (await jest(`node-${major}`, [sideBySide, ...tests()], node)) && passed;
}
console.log(summary().line);
process.exit(passed ? 0 : 1);

function tests() {
  const chosen = process.argv.slice(2);
  return chosen.length > 0 ? chosen : ['test/unit', 'test/contract'];
}
