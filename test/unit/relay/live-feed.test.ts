import { type Clip, packetLength, readClip } from '../../../src/mpegts';
import { type Cards, playCard } from '../../../src/relay/cards';
import { createLiveFeed, type LiveFeedOptions } from '../../../src/relay/live-feed';
import type { SourceFailure } from '../../../src/relay/provider';
import { createSourcesHealth } from '../../../src/relay/source-health';
import { createFakeProvider, settle } from '../../support/fake-provider';
import { type ClipFolder, createClipFolder } from '../../support/ts-clips';
import { oneEach } from './fakes';

let clips: ClipFolder;
let clip: Buffer;
let other: Buffer;
beforeAll(() => {
  clips = createClipFolder();
  clip = clips.clip({ seconds: 4 });
  other = clips.clip({
    seconds: 4,
    startSeconds: 50,
    mux: ['-mpegts_start_pid', '0x200', '-mpegts_pmt_start_pid', '0x1100'],
  });
});
afterAll(() => clips.remove());

const [one, two, three] = ['http://one/a', 'http://two/a', 'http://three/a'];
const times = {
  stallMs: 4000,
  nullPacketsAfterMs: 1000,
  joinWithinMs: 2000,
  retryAfterRunningMs: 30_000,
  pausedMs: 30_000,
};

async function lab(options: Partial<LiveFeedOptions> = {}) {
  const provider = createFakeProvider();
  const out: Buffer[] = [];
  const began: string[] = [];
  const refused: SourceFailure[] = [];
  const failovers: Parameters<LiveFeedOptions['reports']['failedOver']>[0][] = [];
  let filled = 0;
  let ended = 0;
  const state = { nowMs: 1000, takesMore: true };
  const feed = createLiveFeed({
    sources: () => [one, two, three],
    start: 0,
    headers: () => ({ 'user-agent': 'test' }),
    provider,
    accounts: oneEach(),
    policy: { whenFull: 'next', waitForSlotMs: 15_000 },
    client: () => 'me',
    health: createSourcesHealth(),
    times,
    sink: {
      begin: (type) => began.push(type),
      write(bytes) {
        out.push(...bytes.map((buffer) => Buffer.from(buffer)));
        return state.takesMore;
      },
      fill(packets) {
        filled += packets.length / packetLength;
      },
      end() {
        ended++;
      },
      fail: (failures) => refused.push(...failures),
    },
    reports: { began: () => undefined, connected: () => undefined, failedOver: (report) => failovers.push(report) },
    nowMs: () => state.nowMs,
    ...options,
  });
  await settle();
  return {
    feed,
    provider,
    state,
    began,
    refused,
    failovers,
    bytes: () => Buffer.concat(out),
    filled: () => filled,
    ended: () => ended,
    asked: () => provider.connections.map(({ request }) => request.url),
    /** Time goes by in steps of 100 ms, in each of which the feed looks what is due. */
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 100) {
        state.nowMs += 100;
        feed.tick();
        await settle();
      }
    },
  };
}

const part = (bytes: Buffer, from: number, to: number) =>
  Buffer.from(
    bytes.subarray(
      Math.floor((from * bytes.length) / packetLength) * packetLength,
      Math.floor((to * bytes.length) / packetLength) * packetLength,
    ),
  );

test('up to the first switch the bytes are those of the provider, in whole packets', async () => {
  const { feed, provider, began, bytes } = await lab();
  await provider.last.accept();
  for (let at = 0; at < clip.length; at += 1000) await provider.last.send(Buffer.from(clip.subarray(at, at + 1000)));
  expect(began).toEqual(['video/mp2t']);
  expect(bytes().length % packetLength).toBe(0);
  expect(clip.subarray(0, bytes().length).equals(bytes())).toBe(true);
  expect(clip.length - bytes().length).toBeLessThan(48 * 1024);
  expect(feed.source).toBe(0);
  feed.stop();
  expect(provider.openUrls()).toEqual([]);
});

describe('what the first source says before its first byte leads to the next one', () => {
  type Fail = (lab_: Awaited<ReturnType<typeof lab>>) => Promise<unknown>;
  const failures: [string, Fail][] = [
    ['status', ({ provider }) => provider.last.refuse({ status: 404 })],
    ['connect', ({ provider }) => provider.last.refuse({ trigger: 'connect', status: undefined })],
    [
      'end',
      async ({ provider }) => {
        await provider.last.accept();
        await provider.last.end();
      },
    ],
    [
      'reset',
      async ({ provider }) => {
        await provider.last.accept();
        await provider.last.reset();
      },
    ],
    [
      'text',
      async ({ provider }) => {
        await provider.last.accept({ 'content-type': 'text/html' });
        await provider.last.send(Buffer.from('<html>no</html>'));
      },
    ],
    [
      'hls',
      async ({ provider }) => {
        await provider.last.accept();
        await provider.last.send(Buffer.from('#EXTM3U\n#EXT-X-VERSION:3\n'));
      },
    ],
    [
      'stall',
      async (it) => {
        await it.provider.last.accept();
        await it.pass(times.stallMs);
      },
    ],
  ];
  test.each(failures)('%s', async (_name, fail) => {
    const it = await lab();
    await fail(it);
    expect(it.asked()).toEqual([one, two]);
    expect(it.refused).toEqual([]);
    await it.provider.last.accept();
    await it.provider.last.send(part(clip, 0, 0.5));
    expect(it.feed.source).toBe(1);
    expect(it.bytes().length).toBeGreaterThan(0);
    it.feed.stop();
  });
});

test('when no source gives a byte it is told how each one failed', async () => {
  const { provider, refused, asked } = await lab();
  await provider.last.refuse({ status: 404 });
  await provider.last.refuse({ status: 500 });
  expect(refused).toEqual([]);
  await provider.last.refuse({ trigger: 'connect', status: undefined });
  expect(refused).toMatchObject([{ status: 404 }, { status: 500 }, { trigger: 'connect' }]);
  expect(asked()).toEqual([one, two, three]);
});

describe('in the middle', () => {
  async function playing(options?: Partial<LiveFeedOptions>) {
    const it = await lab(options);
    await it.provider.last.accept();
    await it.provider.last.send(part(clip, 0, 0.55));
    return it;
  }

  const breaks: [string, (lab_: Awaited<ReturnType<typeof lab>>) => Promise<unknown>][] = [
    ['end', ({ provider }) => provider.last.end()],
    ['reset', ({ provider }) => provider.last.reset()],
    ['stall', (it) => it.pass(times.stallMs)],
  ];
  test.each(breaks)('%s: the backup goes on without a seam', async (trigger, fail) => {
    const it = await playing();
    const before = it.bytes().length;
    await fail(it);
    expect(it.asked()).toEqual([one, two]);
    await it.provider.last.accept();
    await it.provider.last.send(part(other, 0.1, 1));
    expect(it.failovers).toMatchObject([{ from: 0, to: 1, trigger }]);
    expect(it.bytes().length).toBeGreaterThan(before);
    expect(clips.complaints(it.bytes())).toBe('');
    it.feed.stop();
    expect(it.provider.openUrls()).toEqual([]);
  });

  test('while a source is silent null packets come from 1 s on, twice a second, and no more once it speaks', async () => {
    const it = await playing();
    await it.pass(900);
    expect(it.filled()).toBe(0);
    await it.pass(1100);
    expect(it.filled()).toBe(3 * 7);
    await it.provider.last.send(part(clip, 0.55, 0.6));
    await it.pass(900);
    expect(it.filled()).toBe(3 * 7);
    expect(it.asked()).toEqual([one]);
    it.feed.stop();
  });

  test('with all sources dead the body does not end, rounds are paused, and the first one that is back goes on', async () => {
    const it = await playing();
    await it.provider.last.reset();
    await it.provider.last.refuse({});
    await it.provider.last.refuse({});
    expect(it.asked()).toEqual([one, two, three]);
    for (let second = 0; second < 60; second++) {
      await it.pass(1000);
      await it.provider.last.refuse({});
    }
    // 1, 2, 4, 8, 16 s and so on for each of the three: not a try each 100 ms.
    expect(it.asked().length).toBeGreaterThan(12);
    expect(it.asked().length).toBeLessThan(24);
    expect(it.filled()).toBeGreaterThan(100 * 7);
    expect([it.ended(), it.refused]).toEqual([0, []]);
    const asked = it.asked().length;
    await it.pass(30_000);
    expect(it.asked().length).toBe(asked + 1);
    await it.provider.last.accept();
    await it.provider.last.send(part(other, 0.1, 1));
    expect(it.failovers).toMatchObject([{ from: 0, trigger: 'reset' }]);
    expect(clips.complaints(it.bytes())).toBe('');
    it.feed.stop();
  });

  test('a source that ran for long is tried once more at once', async () => {
    const it = await playing();
    for (let i = 0; i < 12; i++) {
      await it.pass(2500);
      await it.provider.last.send(part(clip, 0.55 + i / 100, 0.56 + i / 100));
    }
    await it.provider.last.end();
    expect(it.asked()).toEqual([one, one]);
    await it.provider.last.refuse({});
    expect(it.asked()).toEqual([one, one, two]);
    it.feed.stop();
  });

  test('by hand: the old source plays until the new one can be joined', async () => {
    const it = await playing();
    const [old] = it.provider.connections;
    expect(it.feed.failover()).toBe(1);
    expect(it.feed.failover()).toBeUndefined();
    await settle();
    expect(it.provider.openUrls()).toEqual([one, two]);
    await it.provider.last.accept();
    const before = it.bytes().length;
    await old?.send(part(clip, 0.55, 0.7));
    expect(it.bytes().length).toBeGreaterThan(before);
    await it.provider.last.send(part(other, 0.1, 1));
    expect(it.provider.openUrls()).toEqual([two]);
    expect(it.failovers).toMatchObject([{ from: 0, to: 1, trigger: 'manual', byteGapMs: 0 }]);
    expect(clips.complaints(it.bytes())).toBe('');
    it.feed.stop();
  });

  test('by hand, when none of the others works: the old source plays on', async () => {
    const it = await playing();
    it.feed.failover();
    await settle();
    await it.provider.last.refuse({});
    await it.provider.last.refuse({});
    expect(it.asked()).toEqual([one, two, three]);
    expect(it.provider.openUrls()).toEqual([one]);
    expect(it.feed.source).toBe(0);
    expect(it.failovers).toEqual([]);
    await it.pass(2000);
    expect(it.asked()).toEqual([one, two, three]);
    it.feed.stop();
  });

  test('by hand within one account: the old connection is closed before the new one is asked for', async () => {
    const accounts = oneEach('one');
    const it = await playing({ accounts, sources: () => [one, `${one}/backup`] });
    expect(accounts.taken.size).toBe(1);
    expect(it.feed.failover()).toBe(1);
    await settle();
    expect(it.asked()).toEqual([one, `${one}/backup`]);
    expect(it.provider.openUrls()).toEqual([`${one}/backup`]);
    it.feed.stop();
    expect(accounts.taken.size).toBe(0);
  });

  test('a reader that takes nothing: the provider is not read, no stall, later no connection, and it goes on when it reads', async () => {
    const it = await playing();
    it.state.takesMore = false;
    await it.provider.last.send(part(clip, 0.55, 0.6));
    expect(it.provider.last.body.isPaused()).toBe(true);
    await it.pass(10_000);
    expect(it.asked()).toEqual([one]);
    expect(it.provider.openUrls()).toEqual([one]);
    expect(it.filled()).toBe(0);
    await it.pass(21_000);
    expect(it.provider.openUrls()).toEqual([]);
    it.state.takesMore = true;
    it.feed.resume();
    await settle();
    expect(it.asked()).toEqual([one, one]);
    await it.provider.last.accept();
    await it.provider.last.send(part(other, 0.1, 1));
    expect(it.failovers).toEqual([]);
    expect(clips.complaints(it.bytes())).toBe('');
    it.feed.stop();
  });

  test('a clip with a length is a notice, and no stream', async () => {
    const it = await lab();
    const notice = part(clip, 0, 0.5);
    await it.provider.last.accept({ 'content-type': 'video/mp2t', 'content-length': String(notice.length) });
    await it.provider.last.send(notice);
    await it.provider.last.end();
    expect(it.ended()).toBe(0);
    expect(it.asked()).toEqual([one, two]);
    it.feed.stop();
  });

  test('the sources of the stream are looked up at each switch', async () => {
    let list = [one, two];
    const it = await playing({ sources: () => list });
    list = [one, three];
    await it.provider.last.reset();
    expect(it.asked()).toEqual([one, three]);
    it.feed.stop();
  });

  test('a source without programme tables cannot follow: the next one is tried', async () => {
    const it = await playing();
    await it.provider.last.reset();
    await it.provider.last.accept();
    const noTables = Buffer.alloc(packetLength * 10);
    for (let at = 0; at < noTables.length; at += packetLength) noTables.writeUInt32BE(0x47012310, at);
    await it.provider.last.send(noTables);
    await it.pass(2000);
    expect(it.asked()).toEqual([one, two]);
    await it.provider.last.send(Buffer.from(noTables));
    await it.pass(2100);
    expect(it.asked()).toEqual([one, two, three]);
    it.feed.stop();
  });
});

describe('a resolver', () => {
  const named = 'http://named/a';
  /** `answer` is given to whoever asked last. */
  function resolver(list: readonly string[] = [one, two]) {
    const left: string[] = [];
    const sources = [...list];
    let settleLast: (url: string | undefined) => void = () => undefined;
    const options = {
      sources: () => sources,
      resolve({ url }: { readonly url: string }) {
        left.push(url);
        return new Promise<string | undefined>((answer) => (settleLast = answer));
      },
    };
    return {
      options,
      left,
      answer: async (url: string | undefined) => {
        if (url !== undefined && !sources.includes(url)) sources.push(url);
        settleLast(url);
        await settle();
      },
    };
  }
  async function playing(options: Partial<LiveFeedOptions>) {
    const it = await lab(options);
    await it.provider.last.accept();
    await it.provider.last.send(part(clip, 0, 0.55));
    await it.provider.last.reset();
    return it;
  }

  test('what it names is tried before the list', async () => {
    const { options, left, answer } = resolver();
    const it = await playing(options);
    expect([it.asked(), left]).toEqual([[one], [one]]);
    await answer(named);
    expect(it.asked()).toEqual([one, named]);
    await it.provider.last.accept();
    await it.provider.last.send(part(other, 0.1, 1));
    expect(it.failovers).toMatchObject([{ from: 0, to: 2, trigger: 'reset' }]);
    expect(clips.complaints(it.bytes())).toBe('');
    it.feed.stop();
  });

  test('while it does not answer null packets are sent and the list is gone on with; a late answer moves nobody who plays', async () => {
    const { options, answer } = resolver();
    const it = await playing(options);
    await it.pass(900);
    expect(it.asked()).toEqual([one]);
    await it.pass(200);
    expect(it.asked()).toEqual([one, two]);
    expect(it.filled()).toBeGreaterThan(0);
    await it.provider.last.accept();
    await it.provider.last.send(part(other, 0.1, 1));
    await answer(named);
    expect(it.asked()).toEqual([one, two]);
    expect(it.provider.openUrls()).toEqual([two]);
    it.feed.stop();
  });

  test('a late answer takes the place of a source that has given nothing', async () => {
    const { options, answer } = resolver();
    const it = await playing(options);
    await it.pass(1100);
    await it.provider.last.accept();
    await answer(named);
    expect(it.asked()).toEqual([one, two, named]);
    expect(it.provider.openUrls()).toEqual([named]);
    it.feed.stop();
  });

  test('no answer of use: the list goes on at once', async () => {
    const { options, answer } = resolver();
    const it = await playing(options);
    await answer(undefined);
    expect(it.asked()).toEqual([one, two]);
    it.feed.stop();
  });

  test('it has gone with its client', async () => {
    const { options, answer } = resolver();
    const it = await playing(options);
    it.feed.stop();
    await answer(named);
    expect(it.asked()).toEqual([one]);
  });

  test('before the first byte a client waits for it, and gets the error when that is dead too', async () => {
    const { options, left, answer } = resolver([one]);
    const it = await lab(options);
    await it.provider.last.refuse({ status: 404 });
    expect(it.refused).toEqual([]);
    await answer(named);
    await it.provider.last.refuse({ status: 500 });
    expect(left).toEqual([one, named]);
    expect(it.refused).toEqual([]);
    await answer(undefined);
    expect(it.asked()).toEqual([one, named]);
    expect(it.refused).toMatchObject([{ status: 404 }, { status: 500 }]);
  });

  test('one that names new dead sources for ever does not keep a client waiting for ever', async () => {
    const { options, answer } = resolver([one]);
    const it = await lab(options);
    for (let i = 0; it.refused.length === 0 && i < 100; i++) {
      await it.provider.last.refuse({ status: 500 });
      await answer(`http://dead-${i}/a`);
    }
    expect(it.refused).toHaveLength(10);
  });

  test('an operator moves a client to what it names', async () => {
    const it = await lab({ sources: () => [one, two, named] });
    await it.provider.last.accept();
    await it.provider.last.send(part(clip, 0, 0.55));
    expect(it.feed.failover(named)).toBe(2);
    await settle();
    expect(it.asked()).toEqual([one, named]);
    it.feed.stop();
  });
});

describe('a card', () => {
  let card: Clip;
  beforeAll(() => {
    // The same codecs as the sources, which no decoder minds.
    const { clip: read, problem } = readClip(clips.clip({ seconds: 1 }));
    if (read === undefined) throw new Error(problem);
    card = read;
  });
  function cards(when: Cards['when'] = 'playing') {
    const reasons: string[] = [];
    const of: Cards = {
      when,
      afterMs: 2000,
      play(reason, nowMs) {
        reasons.push(reason);
        return playCard(card, nowMs);
      },
    };
    return { of, reasons };
  }
  type Lab = Awaited<ReturnType<typeof lab>>;
  async function refuseAll(it: Lab, times_: number, failure: Partial<SourceFailure> = {}) {
    for (let i = 0; i < times_; i++) await it.provider.last.refuse(failure);
  }
  async function playing(options: Partial<LiveFeedOptions>) {
    const it = await lab(options);
    await it.provider.last.accept();
    await it.provider.last.send(part(clip, 0, 0.55));
    return it;
  }
  const seconds = (bytes: Buffer, stream: 'v' | 'a') => {
    const all = clips.decodingTimes(bytes, stream);
    return ((all.at(-1) ?? 0) - (all[0] ?? 0)) / 90_000;
  };

  test('follows when every source has failed, loops at its own pace, and ends at the keyframe of a source', async () => {
    const { of, reasons } = cards();
    const it = await playing({ cards: of });
    await it.provider.last.reset();
    await refuseAll(it, 2);
    await it.pass(1900);
    expect([it.feed.card, it.feed.source]).toEqual([undefined, -1]);
    const nulls = it.filled();
    expect(nulls).toBeGreaterThan(0);
    await it.pass(100);
    expect([it.feed.card, it.feed.source]).toEqual(['down', -1]);
    expect(it.failovers).toMatchObject([{ from: 0, to: 'card', card: 'down', trigger: 'reset' }]);
    const before = seconds(it.bytes(), 'v');
    for (let second = 0; second < 12; second++) {
      await it.provider.last.refuse({});
      await it.pass(1000);
    }
    // Twelve rounds, no null packets between them, and never ahead of the clock.
    expect(it.filled()).toBe(nulls);
    const played = seconds(it.bytes(), 'v') - before;
    expect(played).toBeGreaterThan(11);
    expect(played).toBeLessThanOrEqual(12.1);
    await it.pass(30_000);
    await it.provider.last.accept();
    await it.provider.last.send(part(other, 0.1, 0.15));
    expect(it.feed.card).toBe('down');
    await it.provider.last.send(part(other, 0.15, 1));
    expect(it.feed.card).toBeUndefined();
    expect(it.failovers).toMatchObject([{}, { from: 'card', to: it.feed.source, trigger: 'card' }]);
    const length = it.bytes().length;
    await it.pass(1000);
    expect(it.bytes().length).toBe(length);
    expect(reasons).toEqual(['down']);
    expect(clips.complaints(it.bytes())).toBe('');
    const steps = clips.decodingTimes(it.bytes(), 'v').map((at, i, all) => at - (all[i - 1] ?? at));
    expect(Math.min(...steps.slice(1))).toBe(3600);
    // Where a round of this clip ends with a frame of sound, its last picture stays for as long.
    expect(Math.max(...steps)).toBeLessThan(2 * 3600);
    it.feed.stop();
  });

  test('an order by hand does not wait for the pause of the next source', async () => {
    const it = await playing({ cards: cards().of, sources: () => [one] });
    await it.provider.last.reset();
    for (let i = 0; i < 4; i++) {
      await it.pass(1000);
      await it.provider.last.refuse({});
    }
    expect(it.feed.card).toBe('down');
    const asked = it.asked().length;
    expect(it.feed.failover()).toBe(0);
    await settle();
    expect(it.asked()).toHaveLength(asked + 1);
    expect(it.feed.failover()).toBeUndefined();
    it.feed.stop();
  });

  test('a source that is back before it begins: none is shown', async () => {
    const { of, reasons } = cards();
    const it = await playing({ cards: of, sources: () => [one] });
    await it.provider.last.reset();
    await it.pass(1500);
    await it.provider.last.accept();
    await it.provider.last.send(part(other, 0.1, 0.12));
    await it.pass(1000);
    expect(reasons).toEqual([]);
    await it.provider.last.send(part(other, 0.12, 1));
    expect(it.failovers).toMatchObject([{ from: 0, to: 0 }]);
    it.feed.stop();
  });

  test('tells of no slot by another clip', async () => {
    const accounts = oneEach('two');
    void accounts.take({ url: two, client: 'x', onTakenOver: () => undefined });
    const { of, reasons } = cards();
    const it = await playing({ cards: of, accounts, sources: () => [one, two] });
    await it.provider.last.reset();
    await it.pass(1000);
    await it.provider.last.refuse({});
    await it.pass(1500);
    expect(reasons).toEqual(['full']);
    expect(it.feed.card).toBe('full');
    it.feed.stop();
    expect(it.feed.card).toBeUndefined();
  });

  test("a provider's limit is told by it too", async () => {
    const { of, reasons } = cards();
    const it = await playing({ cards: of, sources: () => [one] });
    await it.provider.last.reset();
    await it.pass(1000);
    await it.provider.last.refuse({ trigger: 'limit', status: 429 });
    await it.pass(1500);
    expect(reasons).toEqual(['full']);
    it.feed.stop();
  });

  test('at the start it takes the place of the error only where that is wanted', async () => {
    const quiet = await lab({ cards: cards().of, sources: () => [one] });
    await quiet.provider.last.refuse({ status: 404 });
    expect([quiet.began, quiet.refused.length]).toEqual([[], 1]);
    const { of, reasons } = cards('always');
    const it = await lab({ cards: of, sources: () => [one, two] });
    await refuseAll(it, 2, { status: 500 });
    expect([it.began, it.refused, reasons, it.feed.source]).toEqual([['video/mp2t'], [], ['down'], -1]);
    expect(it.failovers).toMatchObject([{ to: 'card', card: 'down', trigger: 'status' }]);
    await it.pass(3000);
    expect(seconds(it.bytes(), 'v')).toBeGreaterThan(2.5);
    await it.provider.last.accept();
    await it.provider.last.send(part(other, 0.1, 1));
    expect(it.failovers).toMatchObject([{}, { from: 'card', trigger: 'card' }]);
    expect(it.feed.card).toBeUndefined();
    expect(clips.complaints(it.bytes())).toBe('');
    it.feed.stop();
  });

  test('a reader that takes nothing is given nothing, loses it after a while, and gets it again', async () => {
    const { of } = cards();
    const it = await playing({ cards: of, sources: () => [one] });
    await it.provider.last.reset();
    for (let i = 0; i < 3; i++) {
      await it.pass(1000);
      await it.provider.last.refuse({});
    }
    expect(it.feed.card).toBe('down');
    it.state.takesMore = false;
    await it.pass(500);
    const { length } = it.bytes();
    await it.pass(10_000);
    expect(it.bytes().length).toBe(length);
    await it.pass(25_000);
    expect(it.feed.card).toBeUndefined();
    it.state.takesMore = true;
    it.feed.resume();
    await settle();
    await it.provider.last.refuse({});
    await it.pass(2500);
    expect(it.feed.card).toBe('down');
    expect(clips.complaints(it.bytes())).toBe('');
    it.feed.stop();
  });
});

describe('accounts', () => {
  test('a full account leads to the next source, and a slot is free again when the connection has closed', async () => {
    const accounts = oneEach('one');
    const first = await lab({ accounts });
    await first.provider.last.accept();
    const second = await lab({ accounts });
    await settle();
    expect(second.asked()).toEqual([two]);
    first.feed.stop();
    await settle();
    expect(accounts.taken.size).toBe(0);
    second.feed.stop();
  });

  test('refuse: nobody else is asked', async () => {
    const accounts = oneEach('one');
    void accounts.take({ url: one, client: 'x', onTakenOver: () => undefined });
    const it = await lab({ accounts, policy: { whenFull: 'refuse', waitForSlotMs: 0 } });
    await settle();
    expect(it.asked()).toEqual([]);
    expect(it.refused).toMatchObject([{ trigger: 'account' }]);
  });

  test('the same client takes its slot to another stream: this one is over', async () => {
    const accounts = oneEach('one');
    const it = await lab({ accounts });
    await it.provider.last.accept();
    await it.provider.last.send(part(clip, 0, 0.5));
    accounts.taken.get('one')?.onTakenOver();
    await settle();
    expect(it.ended()).toBe(1);
    expect(it.provider.openUrls()).toEqual([]);
  });
});
