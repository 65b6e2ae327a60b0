import { createEventLog } from '../../../src/events';
import { createAnnouncedWatched } from '../../../src/events/announced-watched';
import { createMemoryStore, type Store } from '../../../src/store';
import { until } from '../../support/until';
import { createRecordingLog } from '../spoe/recording-log';

const { log, lines } = createRecordingLog();

/** A store in memory that passes for one on a disk. */
function keepingStore(): Store {
  return { ...createMemoryStore(log), isDurable: true };
}

function open(store: Store) {
  const events = createEventLog({ store, source: '/mtxpilot/test', log, keep: { count: 1000, ageMs: 1e12 } });
  const told = createAnnouncedWatched({ store, events, log });
  return {
    events,
    told,
    tell(stream: string, isWatched: boolean): void {
      events.emit({ type: isWatched ? 'stream.watched' : 'stream.unwatched', stream });
      told.note(stream, isWatched);
    },
    async stop(): Promise<void> {
      await told.stop();
      await events.stop();
    },
  };
}

it('is there for the next process', async () => {
  const store = keepingStore();
  const first = open(store);
  expect(await first.told.load()).toEqual(new Set());
  first.tell('a', true);
  first.tell('b', true);
  first.tell('b', false);
  await first.stop();
  const second = open(store);
  expect(await second.told.load()).toEqual(new Set(['a']));
  second.tell('a', false);
  await second.stop();
  expect(await open(store).told.load()).toEqual(new Set());
});

it('is there after a sudden end too: what was not kept is in the log', async () => {
  const store = keepingStore();
  const first = open(store);
  first.tell('a', true);
  await first.stop();
  const second = open(store);
  second.tell('a', false);
  second.tell('b', true);
  // Killed: nothing is noted any more, the events are in the log.
  await second.events.stop();
  expect(await open(store).told.load()).toEqual(new Set(['b']));
});

it('is there however many other events came since it was kept', async () => {
  const store = keepingStore();
  const first = open(store);
  first.tell('a', true);
  await first.told.stop();
  for (let i = 0; i < 1500; i++) first.events.emit({ type: 'viewer.joined', stream: 'a' });
  await first.events.stop();
  expect(await open(store).told.load()).toEqual(new Set(['a']));
});

it('is made good for good after a sudden end: what came since does not bring back what was told before', async () => {
  const store = keepingStore();
  const first = open(store);
  first.tell('a', true);
  await first.stop();
  const second = open(store);
  second.tell('a', false);
  // Killed.
  await second.events.stop();
  const third = open(store);
  expect(await third.told.load()).toEqual(new Set());
  for (let i = 0; i < 1500; i++) third.events.emit({ type: 'viewer.joined', stream: 'b' });
  await third.stop();
  expect(await open(store).told.load()).toEqual(new Set());
});

it('is tried again when the store fails, told of once', async () => {
  const store = keepingStore();
  let failures = 0;
  const failing: Store = {
    ...store,
    collection: (name, read) => {
      const collection = store.collection(name, read);
      return {
        ...collection,
        write: (changes) => (failures++ < 1 ? Promise.reject(new Error('disk full')) : collection.write(changes)),
      };
    },
  };
  const first = open(failing);
  first.tell('a', true);
  await until('the first try to have failed', () => failures === 1);
  first.tell('b', true);
  await first.stop();
  expect(await open(store).told.load()).toEqual(new Set(['a', 'b']));
  expect(lines.filter((line) => line.includes('which streams are watched cannot be stored')).length).toBe(1);
});

it('is forgotten with a store that forgets', async () => {
  const store = createMemoryStore(log);
  const first = open(store);
  first.told.note('a', true);
  await first.stop();
  expect(await open(store).told.load()).toEqual(new Set());
});
