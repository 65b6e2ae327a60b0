import type { Backing } from '../../../src/store/backing';
import { openLateBacking } from '../../../src/store/late-backing';
import { createMemoryBacking } from '../../../src/store/memory-backing';
import { storeOver } from '../../../src/store/store-over';
import { until } from '../../support/until';
import { createRecordingLog } from '../spoe/recording-log';

interface Thing {
  readonly n: number;
}
const readThing = (value: unknown) => value as Thing;

/** A database that somebody else opens, or fails to open, when the test says so. */
function createDoor() {
  const tries: { open(backing: Backing): void; fail(error: Error): void; readonly signal: AbortSignal }[] = [];
  const open = (signal: AbortSignal) =>
    new Promise<Backing>((resolve, reject) => {
      tries.push({ open: resolve, fail: reject, signal });
      const giveUp = () => reject(new Error('given up'));
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp);
    });
  return { tries, open };
}

test('one that is there in time is used as it is', async () => {
  const backing = createMemoryBacking();
  const { log, lines } = createRecordingLog();
  expect(await openLateBacking(() => Promise.resolve(backing), 60_000, log)).toBe(backing);
  expect(lines).toEqual([]);
});

test('one that refuses in time is a failure', async () => {
  const opening = openLateBacking(() => Promise.reject(new Error('WRONGPASS')), 60_000, createRecordingLog().log);
  await expect(opening).rejects.toThrow('WRONGPASS');
});

test('until it is there everything is refused; collections, journals, leases and quotas that were made before work afterwards', async () => {
  const { tries, open } = createDoor();
  const store = storeOver(await openLateBacking(open, 1, createRecordingLog().log), createRecordingLog().log);
  expect(store).toMatchObject({ isShared: true, isDurable: true, isUp: false, failure: 'it has not answered yet' });
  const things = store.collection('things', readThing);
  const journal = store.journal('things', readThing);
  const lease = store.lease('leader');
  const quota = store.quota('connections');
  const claim = { used: 0, wanted: 1, most: 1 };
  for (const asked of [
    things.get('a'),
    things.set('a', { n: 1 }),
    things.entries(),
    things.revision(),
    journal.append([['1', { n: 1 }]]),
    journal.read({ limit: 1 }),
    journal.trim('1'),
    journal.count(),
    quota.claim(claim),
  ]) {
    await expect(asked).rejects.toThrow('the store: it has not answered yet');
  }
  expect(lease.isHeld).toBe(false);

  const leases = { acquire: () => Promise.resolve(true), release: () => Promise.resolve() };
  const quotas = { claim: () => Promise.resolve({ granted: 1, elsewhere: 7 }) };
  tries[0]?.open({ ...createMemoryBacking(), leases, quotas });
  await until('it is up', () => store.isUp);
  expect(store.failure).toBe(undefined);
  await things.set('a', { n: 1 });
  expect(await things.entries()).toEqual([['a', { n: 1 }]]);
  await journal.append([['1', { n: 1 }]]);
  expect(await journal.count()).toBe(1);
  await until('the lease', () => lease.isHeld);
  await lease.release();
  expect(await quota.claim(claim)).toEqual({ granted: 1, elsewhere: 7 });
  expect(tries).toHaveLength(1);
  await store.close();
});

test('what goes wrong later is tried again, and a failure of the opened one is its own', async () => {
  const { tries, open } = createDoor();
  const { log, lines } = createRecordingLog();
  const backing = await openLateBacking(open, 1, log);
  tries[0]?.fail(new Error('Redis at 10.0.0.5:6379: ETIMEDOUT'));
  await until('another try', () => tries.length === 2);
  tries[1]?.open({ ...createMemoryBacking(), failure: 'its disk is full' });
  await until('it is open', () => backing.failure === 'its disk is full');
  expect(lines).toEqual([
    'warn the store does not answer: the agent routes without orders and events until it does',
    'warn the store cannot be opened yet',
    'info the store answers: orders and events are taken up',
  ]);
  expect(tries).toHaveLength(2);
  await backing.close();
});

test.each([
  ['before it is there', 0],
  ['while it is opened anew', 1],
])('closed %s, it waits for nobody', async (_when, failures) => {
  const { tries, open } = createDoor();
  const backing = await openLateBacking(open, 1, createRecordingLog().log);
  for (let n = 0; n < failures; n++) tries[n]?.fail(new Error('no'));
  await backing.close();
  expect(tries.at(-1)?.signal.aborted).toBe(true);
});

test('one that is there just as it is closed is closed too', async () => {
  const { tries, open } = createDoor();
  const backing = await openLateBacking(open, 1, createRecordingLog().log);
  const close = jest.fn(() => Promise.resolve());
  tries[0]?.open({ ...createMemoryBacking(), close });
  await backing.close();
  expect(close).toHaveBeenCalledTimes(1);
});
