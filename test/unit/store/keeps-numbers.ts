import { createLogger } from '../../../src/log';
import { openStore } from '../../../src/store';

/** A process that writes numbers into a folder and prints each once it is kept, until it is killed. */
async function keepNumbers(folder: string): Promise<void> {
  const store = await openStore({ folder, log: createLogger('warn') });
  const numbers = store.collection('numbers', (value) => (typeof value === 'number' ? value : undefined));
  for (let n = 0; ; n++) {
    await numbers.set(`n${n}`, n);
    process.stdout.write(`${n}\n`);
  }
}

void keepNumbers(process.argv[2] ?? '');
