import { createTableWatch, type Touch } from '../../../src/peers';
import { createViewers } from '../../../src/viewers';

function start() {
  const clock = { nowMs: 1_000_000 };
  const streams: string[] = [];
  const viewers = createViewers({ goneAfterMs: 10_000, showAddresses: false, nowMs: clock.nowMs });
  const watch = createTableWatch({
    viewers,
    onStream: (stream, server) => streams.push(`${stream} ${server}`),
    nowMs: () => clock.nowMs,
  });
  const touch = (change: Partial<Touch>) =>
    watch.onTouch({
      node: 'hap',
      table: 'sessions',
      key: 'live/a|s1',
      serverName: 'mtx1',
      serverId: 1,
      live: true,
      expiresInMs: undefined,
      idleMs: 0,
      bytesOut: undefined,
      ...change,
    });
  return { clock, streams, viewers, watch, touch };
}

describe('what the tables say', () => {
  it('sessions are viewers; the backlog before a dump says nothing certain', () => {
    const { viewers, touch } = start();
    touch({ live: false, idleMs: undefined });
    expect(viewers.total().viewers).toBe(0);
    touch({ live: false, idleMs: 3000, expiresInMs: 57_000 });
    touch({ table: 'other', key: 'live/b|s2' });
    expect(viewers.list({ limit: 10 }).viewers).toMatchObject([
      { stream: 'live/a', session: 's1', server: 'mtx1', node: 'hap', lastSeenMs: 997_000 },
    ]);
  });

  it('nodes come and go', () => {
    const { viewers, watch } = start();
    watch.onNodeUp({ node: 'hap', pid: 1 });
    expect(viewers.nodes()).toMatchObject([{ name: 'hap', isUp: true }]);
    watch.onNodeDown('hap');
    expect(viewers.nodes()).toMatchObject([{ name: 'hap', isUp: false }]);
  });

  it('streams are evidence when they are used now: told at once when the server changes, else every 2 s', () => {
    const { clock, streams, touch } = start();
    const used = { table: 'streams', key: 'live/a' };
    touch({ ...used, live: false, idleMs: 5 });
    touch({ ...used, serverName: undefined });
    expect(streams).toEqual([]);
    touch(used);
    touch(used);
    expect(streams).toEqual(['live/a mtx1']);
    touch({ ...used, serverName: 'mtx2' });
    expect(streams).toEqual(['live/a mtx1', 'live/a mtx2']);
    clock.nowMs += 1999;
    touch({ ...used, serverName: 'mtx2' });
    expect(streams).toHaveLength(2);
    clock.nowMs += 1;
    touch({ ...used, serverName: 'mtx2' });
    expect(streams).toHaveLength(3);
  });

  it('remembers a bounded number of streams', () => {
    const { streams, touch } = start();
    for (let i = 0; i < 10_001; i++) touch({ table: 'streams', key: `live/${i}` });
    touch({ table: 'streams', key: 'live/10000' });
    touch({ table: 'streams', key: 'live/0' });
    expect(streams).toHaveLength(10_002);
  });
});
