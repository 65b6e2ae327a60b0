// Runs Jest and keeps its JSON results, from which the last line of a whole run is made.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';

const results = 'test-results';

/**
 * One run of Jest; `name` is the name of its results. Resolves with whether it passed.
 *
 * @param isShared another run is under way: the report for people waits until the end.
 */
export async function jest(name, args, env = {}, isShared = false) {
  mkdirSync(results, { recursive: true });
  const file = `${results}/${name}.json`;
  rmSync(file, { force: true });
  const child = spawn(
    process.execPath,
    ['node_modules/jest/bin/jest.js', '--ci', '--json', `--outputFile=${file}`, ...args],
    {
      // With --json the results go to standard output as well; the report for people is on standard error.
      stdio: ['ignore', 'ignore', isShared ? 'pipe' : 'inherit'],
      env: { ...process.env, ...env },
    },
  );
  const report = [];
  child.stderr?.on('data', (chunk) => report.push(chunk));
  const [status] = await once(child, 'close');
  process.stderr.write(Buffer.concat(report));
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
