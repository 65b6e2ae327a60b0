import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openStore } from '../../../src/store';
import { mountSmallDisk, whyNoSmallDisk } from '../../support/small-disk';
import { until } from '../../support/until';
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

  const fileOf = (pattern: RegExp): string => {
    const name = readdirSync(folder).find((each) => pattern.test(each));
    if (name === undefined) throw new Error(`no ${pattern.source} in ${folder}`);
    return join(folder, name);
  };
  const fill = async (): Promise<void> => {
    const store = await openStore({ folder, log });
    const texts = store.collection('texts', (value) => value);
    for (let i = 0; i < 200; i++) await texts.set(`k${i}`, 'v'.repeat(300));
    await store.close();
  };
  let damage: string | undefined;
  const kept = async (): Promise<number> => {
    const store = await openStore({ folder, log });
    ({ damage } = store);
    const { length } = await store.collection('texts', (value) => value).entries();
    await store.close();
    return length;
  };

  it('starts without its MANIFEST, keeps what can be read and a copy of what was there', async () => {
    await fill();
    rmSync(fileOf(/^MANIFEST/));
    expect(await kept()).toBe(200);
    expect(lines).toEqual([expect.stringContaining('the store is damaged; it is repaired')]);
    expect(readdirSync(join(folder, 'damaged'))).toContain('CURRENT');
    expect(damage).toBe('it was repaired: what could not be read is lost');
    await kept();
    expect(damage).toBeUndefined();
  });

  it('says that a damaged log lost what was acknowledged, and keeps what can be read', async () => {
    await fill();
    const file = fileOf(/\.log$/);
    const bytes = readFileSync(file);
    bytes[20_000] = (bytes[20_000] ?? 0) ^ 0xff;
    writeFileSync(file, bytes);
    const count = await kept();
    expect(count).toBeLessThan(200);
    expect(count).toBeGreaterThan(50);
    expect(lines).toEqual([expect.stringContaining('the store was damaged')]);
    expect(damage).toMatch(/^orders and events that were stored last are lost: \d+ bytes could not be read$/);
    lines.length = 0;
    expect(await kept()).toBe(count);
    expect(lines).toEqual([]);
    expect(damage).toBeUndefined();
  });

  it('keeps what LevelDB leaves out of a damaged log, of the last damage alone', async () => {
    /** @returns the damaged log, which LevelDB deletes when it opens. */
    const harm = (): Buffer => {
      const file = fileOf(/\.log$/);
      const bytes = readFileSync(file);
      bytes[20_000] = (bytes[20_000] ?? 0) ^ 0xff;
      writeFileSync(file, bytes);
      return bytes;
    };
    const copies = (): Buffer[] =>
      readdirSync(join(folder, 'damaged')).map((name) => readFileSync(join(folder, 'damaged', name)));
    await fill();
    expect(readdirSync(folder)).not.toContain('damaged');
    for (let again = 0; again < 2; again++) {
      const bytes = harm();
      await kept();
      expect(copies()).toEqual([bytes]);
      await fill();
      expect(copies()).toEqual([bytes]);
    }
    expect(readdirSync(folder)).not.toContain('opening');
  });

  it('takes a log whose last write was cut off by a loss of power for no damage', async () => {
    await fill();
    const file = fileOf(/\.log$/);
    truncateSync(file, statSync(file).size - 100);
    expect(await kept()).toBe(199);
    expect(lines).toEqual([]);
  });

  it('a folder that is deleted under it: nothing is taken for kept, and it is not up', async () => {
    const store = await openStore({ folder, log });
    expect(store.isUp).toBe(true);
    rmSync(folder, { recursive: true });
    await expect(store.collection('numbers', readNumber).set('a', 1)).rejects.toThrow('its folder was deleted');
    expect(store.isUp).toBe(false);
    expect(store.failure).toBe('its folder was deleted or replaced; start the agent again');
    await store.close();
    expect(lines).toEqual([expect.stringContaining('error nothing is stored: its folder was deleted')]);
  });

  it('a folder that is deleted while nothing is written is noticed', async () => {
    const store = await openStore({ folder, log });
    rmSync(folder, { recursive: true });
    await until('it to be noticed', () => !store.isUp);
    mkdirSync(folder);
    await expect(store.collection('numbers', readNumber).set('a', 1)).rejects.toThrow('its folder was deleted');
    await store.close();
  });

  const noDisk = whyNoSmallDisk();
  describe(`on a full disk${noDisk === undefined ? '' : ` (not here: ${noDisk})`}`, () => {
    const onDisk = noDisk === undefined ? it : it.skip;
    onDisk('nothing is taken for kept, what is kept can be read, and it works again when there is room', async () => {
      const disk = mountSmallDisk();
      folder = join(disk.folder, 'state');
      let store = await openStore({ folder, log });
      try {
        const texts = store.collection('texts', (value) => value);
        const acknowledged = ['before'];
        await texts.set('before', 'v');
        disk.fill();
        await until('a write to fail', async () => {
          const key = `k${String(acknowledged.length).padStart(3, '0')}`;
          try {
            await texts.set(key, 'v'.repeat(500));
            acknowledged.push(key);
            return false;
          } catch (error) {
            expect(String(error)).toBe(`Error: store.folder ${folder}: its disk is full`);
            return true;
          }
        });
        const keys = async () => (await texts.entries()).map(([key]) => key);
        for (let again = 0; again < 3; again++) {
          expect(store.isUp).toBe(false);
          expect(store.failure).toBe('its disk is full');
          expect(await keys()).toEqual(acknowledged);
          await expect(texts.set('x', 'v'.repeat(5000))).rejects.toThrow('its disk is full');
        }
        expect(lines).toEqual(['error nothing is stored: its disk is full']);
        disk.free();
        await until('it is up without a write', () => store.isUp);
        expect(store.failure).toBeUndefined();
        await texts.set('z', 'v'.repeat(5000));
        expect(lines.slice(1)).toEqual(['info the store saves what is written again']);
        await store.close();
        store = await openStore({ folder, log });
        expect((await store.collection('texts', (value) => value).entries()).map(([key]) => key)).toEqual([
          ...acknowledged,
          'z',
        ]);
        expect(lines).toHaveLength(2);
      } finally {
        await store.close();
        disk.remove();
      }
    });
  });

  it('repairs a damaged folder, says so, and keeps what can be read', async () => {
    const first = await openStore({ folder, log });
    await first.collection('numbers', readNumber).set('a', 1);
    await first.close();
    // Opening writes the log of changes into a table; only the pointer to the list of tables is then damaged.
    await (await openStore({ folder, log })).close();
    writeFileSync(join(folder, 'CURRENT'), 'nonsense');
    const again = await openStore({ folder, log });
    expect(lines).toEqual([
      expect.stringContaining('error the store is damaged; it is repaired, what cannot be read is lost'),
    ]);
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
