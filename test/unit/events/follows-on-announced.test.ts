import { type AnnouncedStream, type EventType, followsOnAnnounced, followsOnWatched } from '../../../src/events';

const event = (type: EventType, data: Record<string, unknown> = {}) => ({ type, data: { stream: 's', ...data } });
const on = (server: string, inConflict = false): AnnouncedStream => ({ server, inConflict });

describe('what can follow on what was told of a stream', () => {
  it.each<[string, AnnouncedStream | undefined, ReturnType<typeof event>, boolean, AnnouncedStream | undefined]>([
    ['a start of what is not live', undefined, event('stream.started', { server: 'a' }), true, on('a')],
    ['no start of what is live', on('a'), event('stream.started', { server: 'b' }), false, on('a')],
    ['an end where it is', on('a'), event('stream.ended', { server: 'a' }), true, undefined],
    ['no end elsewhere', on('a'), event('stream.ended', { server: 'b' }), false, on('a')],
    ['no end of what is not live', undefined, event('stream.ended', { server: 'a' }), false, undefined],
    ['a move from where it is', on('a'), event('stream.moved', { server: 'b', from: 'a' }), true, on('b')],
    ['no move from elsewhere', on('a'), event('stream.moved', { server: 'c', from: 'b' }), false, on('a')],
    ['a conflict of what is live', on('a'), event('stream.conflict', { server: 'b' }), true, on('b', true)],
    ['no second conflict', on('a', true), event('stream.conflict', { server: 'a' }), false, on('a', true)],
    ['no conflict of what is not live', undefined, event('stream.conflict', { server: 'a' }), false, undefined],
    ['what is about no stream', on('a'), event('server.up', { stream: undefined, server: 'a' }), true, on('a')],
    ['that it is watched', undefined, event('stream.watched', { server: 'a' }), true, undefined],
  ])('%s', (_, before, next, isAllowed, after) => {
    const told = new Map(before === undefined ? [] : [['s', before]]);
    expect(followsOnAnnounced(told, next)).toBe(isAllowed);
    expect(told.get('s')).toEqual(after);
  });

  it('a whole life, each step once', () => {
    const told = new Map<string, AnnouncedStream>();
    const life = [
      event('stream.started', { server: 'a' }),
      event('stream.moved', { server: 'b', from: 'a' }),
      event('stream.ended', { server: 'b' }),
    ];
    expect([...life, ...life.slice(1)].map((one) => followsOnAnnounced(told, one))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('what can follow on what was told of its viewers', () => {
  it.each<[boolean, EventType, boolean, boolean]>([
    [false, 'stream.watched', true, true],
    [true, 'stream.watched', false, true],
    [true, 'stream.unwatched', true, false],
    [false, 'stream.unwatched', false, false],
    [true, 'stream.ended', true, true],
  ])('watched %s, %s: %s', (before, type, isAllowed, after) => {
    const watched = new Set(before ? ['s'] : []);
    expect(followsOnWatched(watched, event(type))).toBe(isAllowed);
    expect(watched.has('s')).toBe(after);
  });
});
