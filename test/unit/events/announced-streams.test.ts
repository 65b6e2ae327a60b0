import { createEventLog } from '../../../src/events';
import { createAnnouncedStreams } from '../../../src/events/announced-streams';
import { createMemoryStore, type Store } from '../../../src/store';
import { createRecordingLog } from '../spoe/recording-log';

const { log, lines } = createRecordingLog();

/** A store in memory that passes for one on a disk. */
function keepingStore(): Store {
  return { ...createMemoryStore(log), isDurable: true };
}

function open(store: Store) {
  const events = createEventLog({ store, source: '/mtxpilot/test', log, keep: { count: 1000, ageMs: 1e12 } });
  return { events, told: createAnnouncedStreams({ store, events, log }) };
}

const on = (server: string, inConflict = false) => ({ server, inConflict });

describe('what was told of streams', () => {
  it('is unknown at the very first start, and known to be nothing when all has ended', async () => {
    const store = keepingStore();
    const first = open(store);
    expect(await first.told.load()).toBeUndefined();
    first.told.note('s', on('a'));
    first.told.note('s', undefined);
    await first.told.stop();
    await first.events.stop();
    expect(await open(store).told.load()).toEqual(new Map());
  });

  it('is there after an orderly end', async () => {
    const store = keepingStore();
    const first = open(store);
    first.told.note('adopted', on('a'));
    first.events.emit({ type: 'stream.started', stream: 's', server: 'b' });
    first.told.note('s', on('b'));
    await first.told.stop();
    await first.events.stop();
    const told = await open(store).told.load();
    expect(told).toEqual(
      new Map([
        ['adopted', on('a')],
        ['s', on('b')],
      ]),
    );
  });

  it('is made good from the log when the process ended before it was kept', async () => {
    const store = keepingStore();
    const first = open(store);
    first.told.note('ends', on('a'));
    first.told.note('moves', on('a'));
    first.told.note('moved by an operator', on('a'));
    await first.told.stop();
    for (const stream of ['starts', 'starts and ends', 'in conflict']) {
      first.events.emit({ type: 'stream.started', stream, server: 'a' });
    }
    first.events.emit({ type: 'stream.ended', stream: 'ends', server: 'a' });
    first.events.emit({ type: 'stream.ended', stream: 'starts and ends', server: 'a' });
    first.events.emit({ type: 'stream.moved', stream: 'moves', server: 'b', evidence: 'inventory' });
    first.events.emit({ type: 'stream.moved', stream: 'moved by an operator', server: 'b', evidence: 'operator' });
    first.events.emit({ type: 'stream.conflict', stream: 'in conflict', server: 'a' });
    first.events.emit({ type: 'server.down', server: 'a' });
    await first.events.stop();
    expect(await open(store).told.load()).toEqual(
      new Map([
        ['moves', on('b')],
        ['moved by an operator', on('a')],
        ['starts', on('a')],
        ['in conflict', on('a', true)],
      ]),
    );
  });

  it('is made good from the log once more when the process that did so ended early', async () => {
    const store = keepingStore();
    const first = open(store);
    first.events.emit({ type: 'stream.started', stream: 'from the log alone', server: 'a' });
    await first.events.stop();
    const second = open(store);
    await second.told.load();
    second.events.emit({ type: 'stream.started', stream: 's', server: 'b' });
    second.told.note('s', on('b'));
    await second.told.stop();
    await second.events.stop();
    const told = await open(store).told.load();
    expect([...(told ?? [])].sort()).toEqual([
      ['from the log alone', on('a')],
      ['s', on('b')],
    ]);
  });

  it('is never ahead of the log: a note whose event is not kept is not kept either', async () => {
    const inner = keepingStore();
    const store: Store = {
      ...inner,
      journal: (name, read) => ({ ...inner.journal(name, read), append: () => Promise.reject(new Error('disk full')) }),
    };
    const first = open(store);
    first.events.emit({ type: 'stream.started', stream: 's', server: 'a' });
    first.told.note('s', on('a'));
    await Promise.all([first.told.stop(), first.events.stop()]);
    expect(lines).toContain('warn what was announced of streams cannot be stored; will be tried again');
    expect(await open(inner).told.load()).toBeUndefined();
  });

  it('is not kept where the store forgets', async () => {
    const store = createMemoryStore(log);
    const first = open(store);
    first.told.note('s', on('a'));
    await first.told.stop();
    expect(await store.collection('told-streams', (value) => value).entries()).toEqual([]);
  });
});
