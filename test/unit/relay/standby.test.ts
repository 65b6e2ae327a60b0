import { packetLength } from '../../../src/mpegts';
import type { Accounts } from '../../../src/relay/accounts';
import { createLiveFeed, type LiveFeedOptions } from '../../../src/relay/live-feed';
import { createSourcesHealth } from '../../../src/relay/source-health';
import { createStandby } from '../../../src/relay/standby';
import { createFakeProvider, type FakeConnection, settle } from '../../support/fake-provider';
import { type ClipFolder, createClipFolder } from '../../support/ts-clips';

let clips: ClipFolder;
let clip: Buffer;
let other: Buffer;
beforeAll(() => {
  clips = createClipFolder();
  clip = clips.clip({ seconds: 4 });
  const mux = ['-mpegts_start_pid', '0x200', '-mpegts_pmt_start_pid', '0x1100'];
  other = clips.clip({ seconds: 4, startSeconds: 50, mux });
});
afterAll(() => clips.remove());

const sources = ['http://one/a', 'http://two/a', 'http://three/a'] as const;
const [one, two, three] = sources;
const part = (bytes: Buffer, from: number, to: number) =>
  Buffer.from(
    bytes.subarray(
      Math.floor((from * bytes.length) / packetLength) * packetLength,
      Math.floor((to * bytes.length) / packetLength) * packetLength,
    ),
  );
const noSlots: Accounts = {
  nameOf: () => 'full',
  take: () => undefined,
  wait: () => Promise.resolve(undefined),
  list: () => [],
};
const anySlots: Accounts = {
  ...noSlots,
  nameOf: () => undefined,
  take: () => ({ account: undefined, release: () => undefined }),
};
const times = {
  stallMs: 4000,
  nullPacketsAfterMs: 1000,
  joinWithinMs: 2000,
  retryAfterRunningMs: 30_000,
  pausedMs: 30_000,
};

function lab(slots: Accounts = anySlots) {
  const provider = createFakeProvider();
  const health = createSourcesHealth();
  const state = { nowMs: 1000, current: 0 };
  const nowMs = () => state.nowMs;
  const common = { provider, health, nowMs, headers: () => ({}) };
  const standby = createStandby({
    ...common,
    accounts: slots,
    client: 'standby',
    wanted: () => sources[(state.current + 1) % sources.length],
    stallMs: times.stallMs,
  });
  const of = (url: string): FakeConnection => {
    const found = provider.connections.findLast(({ request }) => request.url === url);
    if (found === undefined) throw new Error(`${url} was not asked for`);
    return found;
  };
  async function play() {
    const out: Buffer[] = [];
    const failovers: Parameters<LiveFeedOptions['reports']['failedOver']>[0][] = [];
    const feed = createLiveFeed({
      ...common,
      sources: () => sources,
      start: 0,
      accounts: anySlots,
      policy: { whenFull: 'next', waitForSlotMs: 0 },
      client: () => 'me',
      standby,
      times,
      sink: {
        begin: () => undefined,
        write(bytes) {
          out.push(...bytes.map((buffer) => Buffer.from(buffer)));
          return true;
        },
        fill: () => undefined,
        end: () => undefined,
        fail: () => undefined,
      },
      reports: {
        began: () => undefined,
        connected: () => undefined,
        failedOver(report) {
          state.current = Number(report.to);
          failovers.push(report);
        },
      },
    });
    await settle();
    return { feed, failovers, bytes: () => Buffer.concat(out) };
  }
  return { provider, standby, state, health, of, play };
}

test('a cut is bridged at once, from the newest keyframe of the source that was read already', async () => {
  const { provider, standby, of, play } = lab();
  const { feed, failovers, bytes } = await play();
  await of(one).accept();
  await of(one).send(part(clip, 0, 0.5));
  standby.tick();
  await of(two).accept();
  expect(standby.readyUrl).toBeUndefined();
  await of(two).send(part(other, 0.1, 0.6));
  expect(standby.readyUrl).toBe(two);
  const before = bytes().length;
  await of(one).reset();
  // Without another byte of any source.
  expect(failovers).toMatchObject([{ from: 0, to: 1, trigger: 'reset', pictureGapMs: 0 }]);
  expect(bytes().length).toBeGreaterThan(before);
  expect(feed.source).toBe(1);
  await of(two).send(part(other, 0.6, 1));
  expect(clips.complaints(bytes())).toBe('');
  expect(provider.connections.map(({ request }) => request.url)).toEqual([one, two]);
  standby.tick();
  expect(of(three).isClosed).toBe(false);
  feed.stop();
  await settle();
  expect(provider.openUrls()).toEqual([three]);
  standby.stop();
  await settle();
  expect(provider.openUrls()).toEqual([]);
});

test('many clients go over to one connection, and it lasts until the last of them has gone', async () => {
  const { provider, standby, of, play } = lab();
  const first = await play();
  await of(one).accept();
  await of(one).send(part(clip, 0, 0.5));
  const atFirst = of(one);
  const second = await play();
  await of(one).accept();
  await of(one).send(part(clip, 0, 0.5));
  standby.tick();
  await of(two).accept();
  await of(two).send(part(other, 0.1, 0.6));
  await atFirst.end();
  await of(one).end();
  expect([first.feed.source, second.feed.source]).toEqual([1, 1]);
  await of(two).send(part(other, 0.6, 1));
  for (const { bytes } of [first, second]) expect(clips.complaints(bytes())).toBe('');
  expect(provider.openUrls()).toEqual([two]);
  first.feed.stop();
  expect(provider.openUrls()).toEqual([two]);
  second.feed.stop();
  expect(provider.openUrls()).toEqual([]);
  standby.stop();
});

test('by hand', async () => {
  const { standby, of, play } = lab();
  const { feed, failovers, bytes } = await play();
  await of(one).accept();
  await of(one).send(part(clip, 0, 0.5));
  standby.tick();
  await of(two).accept();
  await of(two).send(part(other, 0.1, 0.6));
  expect(feed.failover()).toBe(1);
  expect(failovers).toMatchObject([{ from: 0, to: 1, trigger: 'manual' }]);
  expect(of(one).isClosed).toBe(true);
  await of(two).send(part(other, 0.6, 1));
  expect(clips.complaints(bytes())).toBe('');
  feed.stop();
  standby.stop();
});

test('a standby that fails is tried again after its pause, and hurts nobody', async () => {
  const { provider, standby, state, of } = lab();
  standby.tick();
  await of(two).refuse({});
  standby.tick();
  await settle();
  expect(provider.connections).toHaveLength(1);
  state.nowMs += 1100;
  standby.tick();
  expect(provider.connections).toHaveLength(2);
  await of(two).accept();
  await of(two).send(part(other, 0, 0.5));
  expect(standby.readyUrl).toBe(two);
  state.nowMs += times.stallMs;
  standby.tick();
  expect(standby.readyUrl).toBeUndefined();
  expect(provider.openUrls()).toEqual([]);
  standby.stop();
});

test('a standby that clients read and that fails is a failure of theirs', async () => {
  const { standby, of, play } = lab();
  const { feed, failovers } = await play();
  await of(one).accept();
  await of(one).send(part(clip, 0, 0.5));
  standby.tick();
  await of(two).accept();
  await of(two).send(part(other, 0.1, 0.6));
  await of(one).reset();
  await of(two).reset();
  expect(feed.source).toBe(-1);
  await of(three).accept();
  await of(three).send(part(clip, 0, 1));
  expect(failovers.map(({ from, to }) => [from, to])).toEqual([
    [0, 1],
    [1, 2],
  ]);
  feed.stop();
  standby.stop();
});

test('without a free slot there is none, and the account is not asked all the time', () => {
  const { provider, standby, state } = lab(noSlots);
  for (let tick = 0; tick < 100; tick++) {
    state.nowMs += 100;
    standby.tick();
  }
  expect(provider.connections).toHaveLength(0);
  expect(standby.readyUrl).toBeUndefined();
});

test('when another source is wanted, the one before is given up', async () => {
  const { provider, standby, state, of } = lab();
  standby.tick();
  await of(two).accept();
  await of(two).send(part(other, 0, 0.5));
  state.current = 1;
  standby.tick();
  await settle();
  expect(provider.openUrls()).toEqual([three]);
  standby.stop();
});
