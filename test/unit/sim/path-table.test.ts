import { openSession } from '../../../src/sim/muxer';
import {
  createPathTable,
  isPathError,
  makeSource,
  type PathError,
  type PathTable,
  type SimPath,
  type SimPathConfig,
} from '../../../src/sim/path-table';

const viewer = { clientIp: '127.0.0.1', remoteAddress: '127.0.0.1:1', query: '', userAgent: '', isCdn: false };

describe('a path table', () => {
  let nowMs: number;
  let table: PathTable;

  function begin(configs: readonly SimPathConfig[], alwaysRemux = false): void {
    nowMs = 1_000_000;
    table = createPathTable({
      configs,
      variant: 'fmp4',
      clock: () => nowMs,
      firstSegmentDelayMs: 2000,
      alwaysRemux,
      sessionIdleMs: 30_000,
      muxerCloseAfterMs: 60_000,
    });
  }
  const publish = (stream: string) => table.publish(stream, makeSource('rtspSession'));

  afterEach(() => table.close());

  it('ends a session 30 s after its last request, and no other', () => {
    begin([{ name: 'all_others' }]);
    const path = publish('a');
    const muxer = table.muxerOf(path);
    openSession(muxer, viewer, nowMs);
    nowMs += 20_000;
    muxer.lastRequestMs = nowMs;
    const young = openSession(muxer, viewer, nowMs);
    nowMs += 10_000;
    const { revision } = path;
    expect([...(table.get('a')?.muxer?.sessions.values() ?? [])]).toEqual([young]);
    expect(path.revision).toBeGreaterThan(revision);
  });

  it('gives a muxer up 60 s after its last request, and starts another with a new prefix', () => {
    begin([{ name: 'all_others' }]);
    const first = table.muxerOf(publish('a'));
    nowMs += 59_999;
    expect(table.get('a')?.muxer).toBe(first);
    nowMs += 1;
    const path = table.get('a');
    expect(path?.muxer).toBeUndefined();
    expect(first.isClosed).toBe(true);
    const second = path && table.muxerOf(path);
    expect(second?.prefix).not.toBe(first.prefix);
    expect(second?.originMs).toBe(nowMs);
  });

  it('keeps muxers that are always there', () => {
    begin([{ name: 'all_others' }], true);
    const { muxer } = publish('a');
    nowMs += 3_600_000;
    expect(table.get('a')?.muxer).toBe(muxer);
    expect(muxer).toBeDefined();
  });

  it.each<[string, string]>([
    ['live/a', '~^live/'],
    ['live/exact', 'live/exact'],
    ['other', 'all_others'],
  ])('puts %s under %s', (stream, expected) => {
    begin([{ name: 'all_others' }, { name: '~^live/' }, { name: 'live/exact' }]);
    expect(table.configOf(stream)).toMatchObject({ name: expected });
  });

  it('forgets a path that fell under a pattern, and keeps one of its own name', () => {
    begin([{ name: '~^live/' }, { name: 'fixed' }]);
    publish('live/a');
    publish('fixed');
    expect(table.sorted().map(({ name }) => name)).toEqual(['fixed', 'live/a']);
    expect([table.unpublish('live/a'), table.unpublish('fixed'), table.unpublish('live/a')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(table.sorted().map(({ name, availableSinceMs }) => [name, availableSinceMs])).toEqual([
      ['fixed', undefined],
    ]);
  });

  it('does not let a publisher end what another one has taken over', () => {
    begin([{ name: 'all_others' }]);
    const first = makeSource('rtspSession');
    table.publish('a', first);
    const second = makeSource('rtmpConn');
    table.publish('a', second);
    expect(table.unpublish('a', first.id)).toBe(false);
    expect(table.get('a')?.source).toEqual(second);
  });

  it.each<[string, readonly SimPathConfig[], string, string]>([
    ['an invalid name', [{ name: 'all_others' }], 'a b', 'invalid path name: can contain only alphanumeric'],
    ['an unknown name', [{ name: '~^live/' }], 'a', "path 'a' is not configured"],
    ['a path with a source', [{ name: 'x', onDemand: { startDelayMs: 0 } }], 'x', "can't publish to path 'x' since"],
  ])('refuses a publisher to %s', (_, configs, stream, message) => {
    begin(configs);
    expect(() => publish(stream)).toThrow(message);
  });

  it('refuses a second publisher where none may be replaced', () => {
    begin([{ name: 'a', overridePublisher: false }]);
    publish('a');
    expect(() => publish('a')).toThrow("someone is already publishing to path 'a'");
  });

  it.each(['a b', '/a', '~('])('refuses to be configured with %s', (name) => {
    expect(() => begin([{ name }])).toThrow();
    begin([]);
  });

  it('has a source of its own on a path that pulls, which comes and goes, and takes no publisher', () => {
    begin([{ name: 'x', pulls: 'rtspSource' }]);
    expect(table.get('x')).toMatchObject({ source: { type: 'rtspSource', id: '' }, availableSinceMs: undefined });
    expect(() => publish('x')).toThrow("can't publish to path 'x' since");
    expect(table.unpublish('x')).toBe(false);
    table.pull('x');
    expect(table.get('x')).toMatchObject({ availableSinceMs: nowMs, onlineSinceMs: nowMs });
    expect(table.unpublish('x')).toBe(true);
    expect(table.get('x')).toMatchObject({ source: { type: 'rtspSource' }, availableSinceMs: undefined });
    expect(() => table.pull('y')).toThrow("path 'y' has no source of its own");
  });

  it('starts a source on demand once for all who wait, and stops it when nobody has read for 10 s', async () => {
    begin([{ name: 'x', onDemand: { startDelayMs: 5 } }]);
    const read = () => new Promise<SimPath | PathError>((resolve) => table.read('x', resolve));
    const [one, two] = await Promise.all([read(), read()]);
    expect(one).toBe(two);
    expect(isPathError(one)).toBe(false);
    expect(table.get('x')?.availableSinceMs).toBe(nowMs);
    nowMs += 9_999;
    expect(table.get('x')?.availableSinceMs).toBeDefined();
    nowMs += 1;
    expect(table.get('x')?.availableSinceMs).toBeUndefined();
  });

  it('tells who waits for a source that does not come, except who gave up', async () => {
    begin([{ name: 'x', onDemand: { startDelayMs: 'never', startTimeoutMs: 5 } }]);
    const heard: string[] = [];
    const giveUp = table.read('x', () => heard.push('gave up'));
    giveUp?.();
    const result = await new Promise<SimPath | PathError>((resolve) => table.read('x', resolve));
    expect(result).toEqual({ kind: 'timed out', message: "source of path 'x' has timed out" });
    expect(heard).toEqual([]);
  });
});
