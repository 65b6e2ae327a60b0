// npm test: sets up what is missing, builds, runs every test on the installed HAProxy. Arguments go to Jest.

import { clearResults, jest, sideBySide, summary } from './jest.mjs';
import { build, ensurePackages, ensurePrograms, ensureSchemathesis, testPrograms } from './setup.mjs';

// First of all: what does not get as far as the tests must not leave results of another time.
clearResults();
ensurePackages();
ensurePrograms(testPrograms);
process.env.SCHEMATHESIS_BIN = ensureSchemathesis();
build();
const args = process.argv.slice(2);
const passed = await (args.length > 0 ? jest('chosen', ['--runInBand', ...args]) : jest('all', [sideBySide]));
const { line, ok } = summary();
console.log(line);
process.exit(ok && passed ? 0 : 1);
