import { createViewers, withOthers } from '../../../src/viewers';
import type { OtherNode } from '../../../src/viewers/with-others';

const start = 1_000_000;

function create() {
  const viewers = withOthers(createViewers({ goneAfterMs: 10_000, showAddresses: false, nowMs: start }));
  viewers.nodeUp('lb1', start);
  const see = (key: string, serverName = 'mtx1', node = 'lb1', nowMs = start) =>
    viewers.see({ node, key, serverName, idleMs: 0, live: true, bytesOut: undefined }, nowMs);
  return { viewers, see };
}

const other = (name: string, streams: Record<string, number>, servers: Record<string, number> = {}): OtherNode => ({
  name,
  isUp: true,
  viewers: Object.values(streams).reduce((sum, count) => sum + count, 0),
  streams: new Map(Object.entries(streams)),
  servers: new Map(Object.entries(servers)),
});
const counts = (all: Iterable<{ name: string; viewers: number; peak: number }>) =>
  [...all].map(({ name, viewers, peak }) => `${name} ${viewers}/${peak}`).sort();

describe('viewers with the counts of other agents', () => {
  it('are those of this agent, while there are no others', () => {
    const { viewers, see } = create();
    see('live/a|1');
    expect(viewers.total()).toMatchObject({ viewers: 1, peak: 1 });
    expect(counts(viewers.streams())).toEqual(['live/a 1/1']);
    expect(viewers.stream('live/b')).toBeUndefined();
  });

  it('are summed by stream and server, over HAProxys that this agent does not hear', () => {
    const { viewers, see } = create();
    see('live/a|1');
    see('live/a|2');
    viewers.setOthers([other('lb2', { 'live/a': 3, 'live/b': 1 }, { mtx1: 1, mtx2: 3 })], start + 1);
    expect(viewers.total()).toMatchObject({ viewers: 6, peak: 6 });
    expect(counts(viewers.streams())).toEqual(['live/a 5/5', 'live/b 1/1']);
    expect(viewers.stream('live/b')).toMatchObject({ viewers: 1 });
    expect(counts(viewers.servers())).toEqual(['mtx1 3/3', 'mtx2 3/3']);
    expect(viewers.server('mtx2')?.viewers).toBe(3);
    expect(counts(viewers.nodes())).toEqual(['lb1 2/2', 'lb2 4/4']);
    expect(viewers.list({ limit: 10 }).viewers).toHaveLength(2);
  });

  it('are not those of a HAProxy that this agent hears itself', () => {
    const { viewers, see } = create();
    see('live/a|1');
    viewers.setOthers([other('lb1', { 'live/a': 1 }, { mtx1: 1 })], start);
    expect(viewers.total().viewers).toBe(1);
    expect(counts(viewers.streams())).toEqual(['live/a 1/1']);
    expect(viewers.nodes()).toHaveLength(1);
  });

  it('have the peak of the sum', () => {
    const { viewers, see } = create();
    see('live/a|1');
    viewers.setOthers([other('lb2', { 'live/a': 5 })], start + 1);
    viewers.setOthers([other('lb2', { 'live/a': 2 })], start + 2);
    expect(viewers.stream('live/a')).toMatchObject({ viewers: 3, peak: 6, peakAtMs: start + 1 });
    expect(viewers.total()).toMatchObject({ viewers: 3, peak: 6, peakAtMs: start + 1 });
  });

  it('tell of streams that others began or ceased to watch', () => {
    const { viewers } = create();
    const told: string[] = [];
    const end = viewers.onOthers((stream) => told.push(`${stream} ${viewers.stream(stream)?.viewers ?? 0}`));
    viewers.setOthers([other('lb2', { 'live/a': 5, 'live/b': 1 })], start);
    viewers.setOthers([other('lb2', { 'live/a': 2 })], start);
    end();
    viewers.setOthers([], start);
    expect(told).toEqual(['live/a 5', 'live/b 1', 'live/b 0']);
  });

  it('can be told to others, by HAProxy', () => {
    const { viewers, see } = create();
    viewers.nodeUp('lb2', start);
    see('live/a|1');
    see('live/a|2', 'mtx2', 'lb2');
    see('live/b|3', 'mtx2', 'lb2');
    expect(viewers.countsByNode()).toEqual(
      new Map([
        ['lb1', { viewers: 1, streams: new Map([['live/a', 1]]), servers: new Map([['mtx1', 1]]) }],
        [
          'lb2',
          {
            viewers: 2,
            streams: new Map([
              ['live/a', 1],
              ['live/b', 1],
            ]),
            servers: new Map([['mtx2', 2]]),
          },
        ],
      ]),
    );
  });
});
