import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type HlsSettings, type HlsValues, openHlsSettings } from '../../../src/relay/hls-settings';
import { createMemoryStore, openStore, type Store } from '../../../src/store';
import { until } from '../../support/until';
import { relayDefaults } from './api-lab';
import { keptLog } from './fakes';

const { hls, streamMode } = relayDefaults();
const configured: HlsValues = { ...hls, streamMode };
let log: ReturnType<typeof keptLog>;
let store: Store;

const open = (values: Partial<HlsValues> = {}, from = store): Promise<HlsSettings> =>
  openHlsSettings({ store: from, configured: { ...configured, ...values }, log, lookEveryMs: 5 });
const changed = async (settings: HlsSettings, changes: Parameters<HlsSettings['change']>[0]): Promise<void> => {
  expect(await settings.change(changes)).toEqual({ ok: true });
};
/** What a relay of another version might have stored, or one that is broken. */
const storeRaw = (records: readonly (readonly [id: string, value: unknown])[]): Promise<void> =>
  store.journal('relay-hls', (value) => value).append(records);

beforeEach(() => {
  log = keptLog();
  store = createMemoryStore(log);
});

describe('the settings of HLS', () => {
  it('are those of the configuration until they are changed, and then at once', async () => {
    const settings = await open({ windowSize: 7 });
    expect(settings.current()).toEqual({ ...configured, windowSize: 7 });
    await changed(settings, { maxSegments: 30, windowSize: 8, streamMode: 'TS' });
    expect(settings.current()).toEqual({ ...configured, maxSegments: 30, windowSize: 8, streamMode: 'TS' });
    expect(settings.state()).toMatchObject({
      changed: ['streamMode', 'maxSegments', 'windowSize'],
      configured: { windowSize: 7, maxSegments: 20 },
      isDurable: false,
      failure: undefined,
    });
  });

  it('go on with what was changed, above any other configuration, until they are reset', async () => {
    await changed(await open(), { windowSize: 8, bufferReadyTimeout: 7500 });
    const later = await open({ windowSize: 10, initialSegments: 1 });
    expect(later.current()).toEqual({ ...configured, windowSize: 8, bufferReadyTimeout: 7500, initialSegments: 1 });
    await changed(later, { windowSize: null });
    expect(later.current().windowSize).toBe(10);
    expect(later.state().changed).toEqual(['bufferReadyTimeout']);
    expect((await open()).current()).toEqual({ ...configured, bufferReadyTimeout: 7500 });
  });

  it('are checked as one: every contradiction is told, and nothing is changed', async () => {
    const settings = await open();
    const before = settings.state();
    expect(await settings.change({ maxSegments: 5, initialSegments: 6, streamMode: 'TS' })).toEqual({
      ok: false,
      problem: 'wrong',
      detail:
        'hls_initial_segments (6) is more than hls_max_segments (5); hls_window_size (6) is more than hls_max_segments (5); hls_max_initial_segments (10) is more than hls_max_segments (5)',
    });
    expect(settings.state()).toEqual(before);
    await changed(settings, { maxSegments: 5, windowSize: 5, maxInitialSegments: 5, initialSegments: 5 });
  });

  it('have another tag after every change, also after one to and fro, and for another configuration', async () => {
    const settings = await open();
    const tags = [settings.state().tag, (await open({ windowSize: 7 })).state().tag];
    for (const windowSize of [7, null, 7]) {
      await changed(settings, { windowSize });
      tags.push(settings.state().tag);
    }
    await changed(settings, { windowSize: 7 });
    expect(settings.state().tag).toBe(tags.at(-1));
    expect(new Set(tags).size).toBe(tags.length);
    expect((await open()).state().tag).toBe(tags.at(-1));
  });

  it('of two writers that saw the same, take the first one', async () => {
    const [one, two] = [await open(), await open()];
    const { tag } = one.state();
    const isSame = (now: string): boolean => now === tag;
    const results = await Promise.all([one.change({ windowSize: 8 }, isSame), two.change({ windowSize: 9 }, isSame)]);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(results.find(({ ok }) => !ok)).toMatchObject({ problem: 'unexpected' });
    expect(one.current().windowSize).toBe(results[0].ok ? 8 : 9);
    expect((await open()).current().windowSize).toBe(results[0].ok ? 8 : 9);
  });

  it('of two writers that ask for nothing, lose neither change', async () => {
    const [one, two] = [await open(), await open()];
    await Promise.all([changed(one, { windowSize: 8 }), changed(two, { maxSegments: 40 })]);
    expect((await open()).current()).toMatchObject({ windowSize: 8, maxSegments: 40 });
  });

  it('give up where others are always first', async () => {
    const settings = await open();
    const busy: Store = Object.create(store, {
      journal: {
        value: (...args: Parameters<Store['journal']>) => ({
          ...store.journal(...args),
          appendAbove: () => Promise.resolve('000000000000'),
        }),
      },
    }) as Store;
    await changed(settings, { windowSize: 8 });
    const late = await open({}, busy);
    expect(await late.change({ windowSize: 9 })).toMatchObject({ ok: false, problem: 'contended' });
    expect(late.current().windowSize).toBe(8);
  });

  it('follow what another relay of the same store changed', async () => {
    const shared = Object.create(store, { isShared: { value: true } }) as Store;
    const [one, two] = [await open({}, shared), await open({}, shared)];
    await changed(one, { windowSize: 9 });
    await until('the other relay has it', () => two.current().windowSize === 9);
    await changed(two, { windowSize: null });
    await until('reset', () => one.current().windowSize === configured.windowSize);
    await Promise.all([one.stop(), two.stop()]);
  });

  it('are refused where the store fails, and stay as they are', async () => {
    const settings = await open();
    await store.close();
    expect(await settings.change({ windowSize: 8 })).toEqual({
      ok: false,
      problem: 'not-stored',
      detail: 'the store fails: the store is closed',
    });
    expect(settings.current()).toEqual(configured);
  });

  it('keep some versions only', async () => {
    const settings = await open();
    for (let n = 0; n < 30; n++) await changed(settings, { windowSize: 7 + (n % 5) });
    expect(await store.journal('relay-hls', (value) => value).count()).toBe(10);
    expect((await open()).state().tag).toBe(settings.state().tag);
  });
});

describe('a version that cannot be used', () => {
  const broken: readonly unknown[] = [
    'garbage',
    null,
    {},
    { changed: { windowSize: '9' } },
    { changed: { windowSize: 21 } },
    { changed: { bufferReadyTimeout: 4999 } },
    { changed: { streamMode: 'DASH' } },
  ];

  it.each(broken)('%j is passed over for the last good one, and said loudly', async (record) => {
    await changed(await open(), { windowSize: 9 });
    await storeRaw([
      ['000000000002', record],
      ['000000000003', record],
    ]);
    const settings = await open();
    expect(settings.current()).toEqual({ ...configured, windowSize: 9 });
    const failure = 'The last change of the settings of HLS cannot be understood: the change before it is in force.';
    expect(settings.state().failure).toBe(failure);
    expect(log.lines.filter((line) => line.includes(failure))).toHaveLength(1);
    // The next change is above it, and mends it.
    await changed(settings, { initialSegments: 2 });
    expect(settings.state().failure).toBeUndefined();
    expect((await open()).current()).toEqual({ ...configured, windowSize: 9, initialSegments: 2 });
  });

  it('is mended also by a change that changes nothing', async () => {
    await changed(await open(), { windowSize: 9 });
    await storeRaw([['000000000002', 'garbage']]);
    await changed(await open(), { windowSize: 9 });
    expect((await open()).state().failure).toBeUndefined();
  });

  it('leaves what is configured where there is no other', async () => {
    await storeRaw([['000000000001', 7]]);
    const settings = await open();
    expect(settings.current()).toEqual(configured);
    expect(settings.state().failure).toContain('what is configured is in force');
  });

  it('does not fit the configuration of today: the one before it does', async () => {
    const settings = await open();
    await changed(settings, { initialSegments: 2 });
    await changed(settings, { windowSize: 15 });
    const later = await open({ maxSegments: 12 });
    expect(later.current()).toEqual({ ...configured, maxSegments: 12, initialSegments: 2 });
    expect(later.state().failure).toBe(
      'The last change of the settings of HLS does not fit the configuration (hls_window_size (15) is more than hls_max_segments (12)): the change before it is in force.',
    );
  });
});

describe('a relay that is killed with -9 while it changes them', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mtxpilot-hls-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('has the old ones or the new ones, never half of them', async () => {
    let seen = 0;
    for (let round = 1; round <= 12; round++) {
      const told = await killAfter(round * 7);
      seen += told.length;
      const kept = await openStore({ folder, log });
      const settings = await open({}, kept);
      const { maxSegments, windowSize } = settings.current();
      expect(windowSize).toBe(maxSegments - 3);
      // What was told is kept; the change that was under way may be there or not.
      const last = Number(told.at(-1));
      expect([last, last === 20 ? 10 : last + 1]).toContain(maxSegments);
      expect(settings.state()).toMatchObject({ isDurable: true, failure: undefined });
      await settings.stop();
      await kept.close();
    }
    expect(seen).toBeGreaterThan(500);
  });

  /** Kills the writer in the middle of its changes, when it has told of so many. */
  async function killAfter(count: number): Promise<readonly string[]> {
    const script = join(__dirname, 'changes-windows.ts');
    const writer: ChildProcess = spawn(process.execPath, ['--import', 'tsx', script, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { stdout } = writer;
    if (stdout === null) throw new Error('no output');
    const told: string[] = [];
    createInterface({ input: stdout }).on('line', (line) => {
      told.push(line);
      if (told.length === count) writer.kill('SIGKILL');
    });
    await once(writer, 'close');
    expect(writer.signalCode).toBe('SIGKILL');
    return told;
  }
});
