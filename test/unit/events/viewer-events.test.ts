import type { EventDraft } from '../../../src/events/event';
import { createViewerEvents, type ViewerEvents } from '../../../src/events/viewer-events';
import { createViewers, type Viewers } from '../../../src/viewers';

const goneAfterMs = 1000;
const unwatchedAfterMs = 5000;

/** A list of viewers with a clock of its own, and what is told of it. */
function watch({ announcesViewers = false, restored = [] as readonly string[] } = {}) {
  const viewers: Viewers = createViewers({ goneAfterMs, showAddresses: true, nowMs: 0 });
  const told: EventDraft[] = [];
  const kept: string[] = [];
  let nowMs = 0;
  let hasRoom = true;
  const events: ViewerEvents = createViewerEvents({
    unwatchedAfterMs,
    announcesViewers,
    viewersOf: (stream) => viewers.stream(stream)?.viewers ?? 0,
    emit: (event) => told.push(event),
    canEmit: () => hasRoom,
    onAnnounced: (stream, isWatched) => kept.push(`${stream} ${isWatched ? 'watched' : 'unwatched'}`),
  });
  for (const stream of restored) events.restore(stream);
  viewers.onChange((change) => events.changed(change, nowMs));
  viewers.nodeUp('lb1', 0);
  return {
    viewers,
    events,
    told,
    kept,
    stories: () => told.map(({ type, stream }) => `${type} ${stream ?? ''}`),
    setRoom: (value: boolean) => {
      hasRoom = value;
    },
    touch: (key: string, { serverName = 'mtx1', live = true, bytesOut = undefined as number | undefined } = {}) =>
      viewers.see({ node: 'lb1', key, serverName, idleMs: 0, live, bytesOut }, nowMs),
    /** Time goes on; both are ticked every 100 ms. */
    pass: (ms: number) => {
      for (const end = nowMs + ms; nowMs < end; ) {
        nowMs += 100;
        viewers.tick(nowMs);
        events.tick(nowMs);
      }
    },
  };
}

describe('a stream', () => {
  it('is watched with its first viewer, and unwatched the time after its last one left', () => {
    const { touch, pass, told, kept } = watch();
    touch('live/a|1');
    touch('live/a|2');
    expect(told).toEqual([
      { type: 'stream.watched', stream: 'live/a', server: 'mtx1', evidence: 'haproxy', data: { viewers: 1 } },
    ]);
    pass(goneAfterMs + unwatchedAfterMs - 200);
    expect(told.length).toBe(1);
    pass(400);
    expect(told.slice(1)).toEqual([
      {
        type: 'stream.unwatched',
        stream: 'live/a',
        server: 'mtx1',
        reason: 'nobody has watched it for 5 s',
        evidence: 'haproxy',
      },
    ]);
    expect(kept).toEqual(['live/a watched', 'live/a unwatched']);
    pass(20_000);
    touch('live/a|1');
    expect(told.at(-1)).toMatchObject({ type: 'stream.watched' });
  });

  it('stays watched when somebody comes before the time is over, and the time begins anew after him', () => {
    const { touch, pass, stories } = watch();
    touch('live/a|1');
    pass(goneAfterMs + unwatchedAfterMs - 300);
    touch('live/a|2');
    pass(goneAfterMs + unwatchedAfterMs - 300);
    expect(stories()).toEqual(['stream.watched live/a']);
    pass(600);
    expect(stories()).toEqual(['stream.watched live/a', 'stream.unwatched live/a']);
  });

  it('is each on its own', () => {
    const { touch, pass, stories, events } = watch();
    touch('live/a|1');
    touch('live/b|1');
    for (let i = 0; i < 14; i++) {
      pass(500);
      touch('live/b|1');
    }
    expect(stories()).toEqual(['stream.watched live/a', 'stream.watched live/b', 'stream.unwatched live/a']);
    expect(events.stats.watched).toBe(1);
  });

  it('that an earlier process told of is no news, and ends only when all HAProxys have said who is there', () => {
    const { touch, pass, stories, events } = watch({ restored: ['live/a', 'live/b'] });
    touch('live/a|1', { live: false });
    pass(20_000);
    // Its viewer has gone; of live/b nobody has said anything.
    expect(stories()).toEqual(['stream.unwatched live/a']);
    events.complete(20_000);
    pass(unwatchedAfterMs - 200);
    expect(stories().length).toBe(1);
    pass(400);
    expect(stories()).toEqual(['stream.unwatched live/a', 'stream.unwatched live/b']);
  });

  it('is told of later while the log has too much to do, and only when it is still so', () => {
    const { touch, pass, stories, setRoom } = watch();
    setRoom(false);
    touch('live/a|1');
    touch('live/b|1');
    for (let i = 0; i < 10; i++) {
      pass(500);
      touch('live/b|1');
    }
    expect(stories()).toEqual([]);
    setRoom(true);
    pass(100);
    expect(stories()).toEqual(['stream.watched live/b']);
    setRoom(false);
    pass(20_000);
    expect(stories()).toEqual(['stream.watched live/b']);
    setRoom(true);
    pass(100);
    expect(stories()).toEqual(['stream.watched live/b', 'stream.unwatched live/b']);
  });

  it('of thousands, none is lost and none told twice', () => {
    const { touch, pass, stories } = watch();
    for (let i = 0; i < 3000; i++) touch(`live/${i}|1`);
    pass(20_000);
    expect(new Set(stories()).size).toBe(6000);
    expect(stories().length).toBe(6000);
  });
});

describe('a viewer', () => {
  it('is not told of unless asked', () => {
    const { touch, stories } = watch();
    touch('live/a|1');
    expect(stories()).toEqual(['stream.watched live/a']);
  });

  it('joins and leaves, between the watched and the unwatched of its stream', () => {
    const { touch, pass, told, stories } = watch({ announcesViewers: true });
    touch('live/a|1', { bytesOut: 10 });
    pass(500);
    touch('live/a|1', { bytesOut: 40 });
    pass(20_000);
    expect(stories()).toEqual([
      'stream.watched live/a',
      'viewer.joined live/a',
      'viewer.left live/a',
      'stream.unwatched live/a',
    ]);
    const about = { stream: 'live/a', server: 'mtx1', evidence: 'haproxy' };
    expect(told[1]).toEqual({
      type: 'viewer.joined',
      ...about,
      data: { session: '1', node: 'lb1', viewers: 1, found: false },
    });
    expect(told[2]).toEqual({
      type: 'viewer.left',
      ...about,
      reason: 'it stopped asking for anything',
      data: {
        session: '1',
        node: 'lb1',
        viewers: 0,
        joined: '1970-01-01T00:00:00.000Z',
        watchedSeconds: 0.5,
        bytes: 30,
      },
    });
  });

  it('that was there when HAProxy told what it holds says so, and one that is passed over is counted', () => {
    const { touch, told, setRoom, events } = watch({ announcesViewers: true });
    touch('live/a|1', { live: false });
    expect(told.at(-1)).toMatchObject({ type: 'viewer.joined', data: { found: true } });
    setRoom(false);
    touch('live/a|2');
    expect(told.length).toBe(2);
    expect(events.stats.viewersUnannounced).toBe(1);
  });
});
