// Runs Jest and keeps its JSON results, from which the last line of a whole run is made.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const results = 'test-results';

/** Tests with real programs mostly wait, and each takes addresses of its own: twice as many as there are cores go on side by side. */
export const sideBySide = `--maxWorkers=${Math.min(16, 2 * availableParallelism())}`;

/** One run of Jest, on a Node; `name` is the name of its results. Resolves with whether it passed. */
export async function jest(name, args, node = process.execPath) {
  mkdirSync(results, { recursive: true });
  const file = `${results}/${name}.json`;
  rmSync(file, { force: true });
  const child = spawn(node, ['node_modules/jest/bin/jest.js', '--ci', '--json', `--outputFile=${file}`, ...args], {
    // With --json the results go to standard output as well; the report for people is on standard error.
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [status] = await once(child, 'close');
  return status === 0 && existsSync(file);
}

export function clearResults() {
  rmSync(results, { recursive: true, force: true });
}

/** Sums all results since the last clearing. A run that found no test at all has failed. */
export function summary() {
  const files = existsSync(results) ? readdirSync(results).filter((file) => file.endsWith('.json')) : [];
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const file of files) {
    const run = JSON.parse(readFileSync(`${results}/${file}`, 'utf8'));
    // What --listTests gives is a list of files.
    if (Array.isArray(run)) continue;
    sum.passed += run.numPassedTests;
    // A suite that could not even start has no tests to count, yet it failed.
    sum.failed += run.numFailedTests + run.numRuntimeErrorTestSuites;
    sum.skipped += run.numPendingTests + run.numTodoTests;
  }
  return {
    ...sum,
    ok: sum.failed === 0 && sum.passed > 0,
    line: `tests: ${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`,
  };
}
