// npm test: sets up what is missing, builds, runs every test on the installed HAProxy. Arguments go to Jest.

import { clearResults, jest, summary } from './jest.mjs';
import { build, ensurePackages, ensurePrograms, testPrograms } from './setup.mjs';

// First of all: what does not get as far as the tests must not leave results of another time.
clearResults();
ensurePackages();
ensurePrograms(testPrograms);
build();
const args = process.argv.slice(2);
// Tests with real programs come two at a time: they mostly wait, and each takes addresses of its own. More would wait for each other.
const passed =
  args.length > 0
    ? [await jest('chosen', ['--runInBand', ...args])]
    : [await jest('unit', ['test/unit', 'test/contract']), await jest('e2e', ['--maxWorkers=2', 'test/e2e'])];
const { line, ok } = summary();
console.log(line);
process.exit(ok && passed.every(Boolean) ? 0 : 1);
