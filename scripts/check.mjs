// Everything that can be known without running the product: format, lint, types, unused code, import rules.
import { spawnSync } from 'node:child_process';

const steps = [
  ['format', 'biome', ['ci', '--colors=off', '--error-on-warnings', '.']],
  ['types', 'tsc', ['-p', 'tsconfig.json']],
  ['types of the page', 'tsc', ['-p', 'ui/tsconfig.json']],
  ['lint', 'eslint', ['--max-warnings', '0', '.']],
  ['unused code', 'knip', []],
  ['import rules', 'depcruise', ['src', '--config', '.dependency-cruiser.cjs']],
];
for (const [name, command, args] of steps) {
  const started = performance.now();
  const run = spawnSync(`node_modules/.bin/${command}`, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${run.status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (run.status !== 0) {
    console.log(run.stdout + run.stderr + (run.error ? String(run.error) : ''));
    process.exit(1);
  }
}
