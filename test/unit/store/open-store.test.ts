import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openStore } from '../../../src/store';
import { createRecordingLog } from '../spoe/recording-log';

const readNumber = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

describe('the store in a folder', () => {
  let around: string;
  let folder: string;
  const { log, lines } = createRecordingLog();
  beforeEach(() => {
    around = mkdtempSync(join(tmpdir(), 'mtxpilot-store-'));
    folder = join(around, 'state');
    lines.length = 0;
  });
  afterEach(() => rmSync(around, { recursive: true, force: true }));

  it('makes the folder for its own user alone', async () => {
    const store = await openStore({ folder, log });
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    await store.close();
  });

  it('names the folder that another process holds', async () => {
    const store = await openStore({ folder, log });
    await expect(openStore({ folder, log })).rejects.toThrow(
      `store.folder ${folder} is in use by another process; every agent needs a folder of its own`,
    );
    await store.close();
    await (await openStore({ folder, log })).close();
  });

  it.each([
    ['lies in no folder', () => join(around, 'no', 'state'), /cannot be made: .*ENOENT/],
    [
      'is a file',
      () => {
        writeFileSync(join(around, 'file'), 'x');
        return join(around, 'file');
      },
      /cannot be opened: .*(EEXIST|ENOTDIR)/,
    ],
  ])('names a folder that %s', async (_, make, why) => {
    const given = make();
    const opening = openStore({ folder: given, log });
    await expect(opening).rejects.toThrow(`store.folder ${given} `);
    await expect(openStore({ folder: given, log })).rejects.toThrow(why);
  });

  it('repairs a damaged folder, says so, and keeps what can be read', async () => {
    const first = await openStore({ folder, log });
    await first.collection('numbers', readNumber).set('a', 1);
    await first.close();
    // Opening writes the log of changes into a table; only the pointer to the list of tables is then damaged.
    await (await openStore({ folder, log })).close();
    writeFileSync(join(folder, 'CURRENT'), 'nonsense');
    const again = await openStore({ folder, log });
    expect(lines).toEqual(['error the store is damaged; it is repaired, what cannot be read is lost']);
    expect(await again.collection('numbers', readNumber).get('a')).toBe(1);
    await again.close();
  });

  it('keeps everything whose promise resolved when the process is killed with -9', async () => {
    // The writer tells each number once it is kept; it is killed in the middle of the next ones.
    const writer: ChildProcess = spawn(
      process.execPath,
      ['--import', 'tsx', join(__dirname, 'keeps-numbers.ts'), folder],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const kept: number[] = [];
    const { stdout } = writer;
    if (stdout === null) throw new Error('no output');
    createInterface({ input: stdout }).on('line', (line) => {
      kept.push(Number(line));
      if (kept.length === 200) writer.kill('SIGKILL');
    });
    await once(writer, 'close');
    expect(writer.signalCode).toBe('SIGKILL');
    const store = await openStore({ folder, log });
    const numbers = new Set((await store.collection('numbers', readNumber).entries()).map(([, value]) => value));
    await store.close();
    expect(kept.length).toBeGreaterThanOrEqual(200);
    expect(kept.filter((value) => !numbers.has(value))).toEqual([]);
    expect(readdirSync(folder).length).toBeGreaterThan(0);
  });

  it('opens a folder that is there and empty', async () => {
    mkdirSync(folder);
    const store = await openStore({ folder, log });
    expect(await store.journal('events', readNumber).count()).toBe(0);
    await store.close();
  });
});
