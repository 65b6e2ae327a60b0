import type { EventType, StoredEvent } from '../../../src/events';
import { createStreamIds, readStreamId, type StreamIds } from '../../../src/events/stream-ids';
import { createMemoryStore, type Store } from '../../../src/store';
import { createRecordingLog } from '../spoe/recording-log';

const { log, lines } = createRecordingLog();
const open = (store: Store): StreamIds => createStreamIds(store.collection('stream-ids-hook', readStreamId), log);

/** `3 started s`: the third event ever, about the stream s. */
function event(sentence: string): StoredEvent {
  const [number = '', type = '', stream] = sentence.split(' ');
  return {
    specversion: '1.0',
    id: number.padStart(26, '0'),
    time: '2026-11-21T10:00:00.000Z',
    source: '/mtxpilot/test',
    type: (type.includes('.') ? type : `stream.${type}`) as EventType,
    datacontenttype: 'application/json',
    data: stream === undefined ? {} : { stream },
  };
}

beforeEach(() => {
  lines.length = 0;
});

describe('what a receiver calls a stream', () => {
  let store: Store;
  let ids: StreamIds;
  beforeEach(() => {
    store = createMemoryStore(log);
    ids = open(store);
  });
  const of = (sentence: string) => ids.of(event(sentence));
  const delivered = (sentence: string, answered?: string) => ids.delivered(event(sentence), answered);

  it('goes with every event of it from the one after the start to the end, and with no other', async () => {
    await delivered('2 started s', 'job-1');
    expect(of('2 started s')).toBeUndefined();
    expect(['3 moved s', '4 watched s', '5 viewer.joined s', '6 conflict s'].map(of)).toEqual(Array(4).fill('job-1'));
    expect(of('3 moved t')).toBeUndefined();
    expect(of('3 server.up')).toBeUndefined();
    await delivered('7 ended s');
    expect(of('8 unwatched s')).toBeUndefined();
  });

  it('goes with the end, also when that is delivered a second time, by another process', async () => {
    await delivered('1 started s', 'job-1');
    expect(of('2 ended s')).toBe('job-1');
    await delivered('2 ended s');
    ids = open(store);
    await ids.load();
    expect(of('2 ended s')).toBe('job-1');
    expect(of('3 started s')).toBeUndefined();
  });

  it('is another one after the next start, and none where that has none', async () => {
    await delivered('1 started s', 'job-1');
    await delivered('2 ended s');
    await delivered('3 started s', 'job-2');
    expect(of('4 moved s')).toBe('job-2');
    await delivered('5 ended s');
    await delivered('6 started s');
    expect(of('7 moved s')).toBeUndefined();
    // A receiver that does not want ends.
    await delivered('8 started s', 'job-3');
    await delivered('9 started s');
    expect(of('9 moved s')).toBeUndefined();
  });

  it('stays when the start is delivered a second time and answered without one', async () => {
    await delivered('1 started s', 'job-1');
    await delivered('1 started s');
    expect(of('2 moved s')).toBe('job-1');
  });

  it('is not that of a later life of the stream, when earlier events are delivered again', async () => {
    await delivered('5 started s', 'job-2');
    expect(['1 started s', '2 moved s', '3 ended s', '5 started s'].map(of)).toEqual(Array(4).fill(undefined));
    await delivered('1 started s');
    await delivered('3 ended s');
    expect(of('6 moved s')).toBe('job-2');
  });

  it('is kept of a thousand streams that have ended, and of all that are live', async () => {
    for (let n = 1; n <= 1500; n++) {
      await delivered(`${n} started s${n}`, `job-${n}`);
      if (n <= 1200) await delivered(`${n + 2000} ended s${n}`);
    }
    ids = open(store);
    await ids.load();
    expect(of('2200 ended s200')).toBeUndefined();
    expect(of('2201 ended s201')).toBe('job-201');
    expect(of('9999 moved s1300')).toBe('job-1300');
    expect((await store.collection('stream-ids-hook', readStreamId).entries()).length).toBe(1300);
  });

  it('holds for this process where it cannot be kept', async () => {
    const inner = createMemoryStore(log);
    const failing: Store = {
      ...inner,
      collection: (name, read) => ({
        ...inner.collection(name, read),
        write: () => Promise.reject(new Error('disk full')),
      }),
    };
    ids = open(failing);
    await delivered('1 started s', 'job-1');
    expect(of('2 moved s')).toBe('job-1');
    expect(lines).toEqual(["warn a receiver's stream_id cannot be stored beyond this process"]);
  });
});
