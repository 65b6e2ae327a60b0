// npm run bench [NAME] [-- --json]: sets up what is missing, builds, runs one bench or all.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { build, ensurePackages, ensurePrograms, fail } from './setup.mjs';

const names = readdirSync('bench')
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.replace('.bench.ts', ''));
const options = process.argv.slice(2);
const chosen = options.filter((option) => !option.startsWith('-'));
for (const name of chosen) if (!names.includes(name)) fail(`no bench "${name}"; there are: ${names.join(', ')}`);
ensurePackages();
ensurePrograms(['haproxy', 'wrk', 'chromium']);
build();
for (const name of chosen.length > 0 ? chosen : names) {
  const args = [
    'node_modules/tsx/dist/cli.mjs',
    `bench/${name}.bench.ts`,
    ...options.filter((option) => option.startsWith('-')),
  ];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
