import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { streamIdOf } from '../../../src/relay/stream-id';
import { openStreamKey } from '../../../src/relay/stream-key';
import { openStreams, type StreamDraft } from '../../../src/relay/streams';
import { createMemoryStore, openStore, type Store } from '../../../src/store';
import { keptLog } from './fakes';

const draft: StreamDraft = {
  url: 'http://provider.example/live/1.ts',
  failoverUrls: ['http://backup.example/1.ts'],
  resolverUrl: undefined,
  userAgent: 'VLC',
  headers: { cookie: 'a=b' },
  metadata: { id: '5' },
  type: 'live',
  hls: 'channel',
};

async function open(store: Store, maxStreams = 10, log = keptLog()) {
  const key = await openStreamKey(store);
  let nowMs = Date.parse('2026-11-29T10:00:00Z');
  return openStreams({ store, idOf: (url) => streamIdOf(key, url), maxStreams, log, now: () => nowMs++ });
}

describe('the registry of streams', () => {
  it('gives the same URL the same id, and takes over at once what is new of it', async () => {
    const streams = await open(createMemoryStore(keptLog()));
    const first = await streams.put(draft);
    const second = await streams.put({
      ...draft,
      failoverUrls: ['http://new.example/'],
      userAgent: 'new',
      metadata: {},
    });
    if (!first.ok || !second.ok) throw new Error('not stored');
    expect([first.isNew, second.isNew]).toEqual([true, false]);
    expect(first.stream.id).toMatch(/^[0-9a-f]{32}$/);
    expect(streams.count).toBe(1);
    expect(streams.get(first.stream.id)).toEqual({
      ...draft,
      id: first.stream.id,
      createdAt: first.stream.createdAt,
      failoverUrls: ['http://new.example/'],
      userAgent: 'new',
      metadata: {},
    });
  });

  it('stores no more than it may, but takes changes to what it has', async () => {
    const streams = await open(createMemoryStore(keptLog()), 1);
    await streams.put(draft);
    expect(await streams.put({ ...draft, url: 'http://other.example/' })).toMatchObject({ ok: false, problem: 'full' });
    expect(await streams.put({ ...draft, userAgent: 'new' })).toMatchObject({ ok: true });
    const [only] = streams.all();
    expect(await streams.remove([only?.id ?? '', 'unknown'])).toMatchObject({
      ok: true,
      removed: [{ url: draft.url }],
    });
    expect(await streams.remove(['unknown'])).toEqual({ ok: true, removed: [] });
    expect(await streams.put({ ...draft, url: 'http://other.example/' })).toMatchObject({ ok: true });
  });

  it('refuses when the store does, and changes nothing then', async () => {
    const store = createMemoryStore(keptLog());
    const streams = await open(store);
    const kept = await streams.put(draft);
    await store.close();
    expect(await streams.put({ ...draft, userAgent: 'new' })).toMatchObject({ ok: false, problem: 'not-stored' });
    const id = kept.ok ? kept.stream.id : '';
    expect(await streams.remove([id])).toMatchObject({ ok: false });
    expect(streams.get(id)?.userAgent).toBe('VLC');
  });

  it('keeps the type that a source was found to be of, whoever makes the stream again', async () => {
    const store = createMemoryStore(keptLog());
    const streams = await open(store);
    const first = await streams.put(draft);
    const id = first.ok ? first.stream.id : '';
    expect(await streams.retype(id, 'hls')).toBe(true);
    expect(await streams.put(draft)).toMatchObject({ stream: { type: 'hls' } });
    expect((await open(store)).get(id)).toMatchObject({ type: 'hls' });
    expect(await streams.retype('unknown', 'hls')).toBe(false);
    await store.close();
    expect(await streams.retype(id, 'live')).toBe(false);
    expect(streams.get(id)).toMatchObject({ type: 'hls' });
  });

  it('reads streams that were stored before HLS could be given in two ways', async () => {
    const store = createMemoryStore(keptLog());
    const before = Object.fromEntries(Object.entries(draft).filter(([name]) => name !== 'hls'));
    const id = 'a'.repeat(32);
    const kept = store.collection('relay-streams', (stored) => stored as object);
    await kept.set(id, { ...before, id, createdAt: '2026-11-29T10:00:00.000Z' });
    expect((await open(store)).get(id)).toMatchObject({ url: draft.url, hls: 'channel' });
  });

  it('makes one stream of many requests at a time', async () => {
    const streams = await open(createMemoryStore(keptLog()));
    const results = await Promise.all(Array.from({ length: 20 }, () => streams.put(draft)));
    expect(results.filter((result) => result.ok && result.isNew)).toHaveLength(1);
    expect(new Set(results.map((result) => (result.ok ? result.stream.id : ''))).size).toBe(1);
  });
});

describe('in a folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mtxpilot-relay-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('has the same streams under the same ids after a restart, in their order', async () => {
    const urls = ['http://a.example/', 'http://b.example/', 'http://c.example/'];
    let store = await openStore({ folder, log: keptLog() });
    let streams = await open(store);
    for (const url of urls) await streams.put({ ...draft, url, resolverUrl: 'http://resolver.example/' });
    const before = [...streams.all()];
    await streams.stop();
    await store.close();
    store = await openStore({ folder, log: keptLog() });
    streams = await open(store);
    expect([...streams.all()]).toEqual(before);
    expect(before.map(({ url }) => url)).toEqual(urls);
    await store.close();
  });

  it('leaves out what it cannot understand', async () => {
    const store = await openStore({ folder, log: keptLog() });
    const raw = store.collection('relay-streams', (value) => value);
    await raw.set('x', { id: 'x', url: 5 });
    const streams = await open(store);
    expect(streams.count).toBe(0);
    await store.close();
  });
});

describe('the key of the ids', () => {
  it('is made once, and is another one in another store', async () => {
    const [one, other] = [createMemoryStore(keptLog()), createMemoryStore(keptLog())];
    const keys = await Promise.all([openStreamKey(one), openStreamKey(one), openStreamKey(one), openStreamKey(other)]);
    const [first, second, third, fourth] = keys.map((key) => key.toString('hex'));
    expect([second, third]).toEqual([first, first]);
    expect(fourth).not.toBe(first);
    expect(keys[0]).toHaveLength(32);
  });
});
