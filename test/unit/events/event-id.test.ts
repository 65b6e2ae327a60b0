import { createEventIds, idBefore, isEventId } from '../../../src/events/event-id';

describe('event ids', () => {
  it('have the form of a ULID: the example of its specification', () => {
    // https://github.com/ulid/spec: 01ARZ3NDEKTSV4RRFFQ69G5FAV is of 2016-07-30T23:54:10.259Z.
    expect(idBefore(Date.parse('2016-07-30T23:54:10.260Z'))).toBe('01ARZ3NDEKZZZZZZZZZZZZZZZZ');
    const id = createEventIds().next(Date.parse('2016-07-30T23:54:10.259Z'));
    expect(id).toMatch(/^01ARZ3NDEK/);
    expect(isEventId(id)).toBe(true);
  });

  it('ascend, within a millisecond, over all digits, and when the clock goes back', () => {
    const ids = createEventIds(() => new Uint8Array(16).fill(31));
    const made = [1000, 1000, 1001, 500, 500, 1001, 2000].map((timeMs) => ids.next(timeMs));
    expect(made).toEqual([...made].sort());
    expect(new Set(made).size).toBe(made.length);
    // All chance used up: the next id counts over into the time.
    expect(made[0]).toBe('00000000Z8ZZZZZZZZZZZZZZZZ');
    expect(made[1]).toBe('00000000Z90000000000000000');
  });

  it('go on above one that was seen', () => {
    const ids = createEventIds();
    const seen = createEventIds().next(5_000_000);
    ids.see(seen);
    ids.see('nonsense');
    ids.see('00000000000000000000000000');
    expect(ids.next(1000) > seen).toBe(true);
  });

  it('of two processes at the same time differ', () => {
    expect(createEventIds().next(1000)).not.toBe(createEventIds().next(1000));
  });

  it('stand above idBefore of their time and below that of the next', () => {
    const id = createEventIds().next(1_700_000_000_000);
    expect(idBefore(1_700_000_000_000) < id).toBe(true);
    expect(idBefore(1_700_000_000_001) > id).toBe(true);
    for (const timeMs of [0, 1, 1_700_000_000_000]) expect(isEventId(idBefore(timeMs))).toBe(true);
    expect(idBefore(0) < createEventIds(() => new Uint8Array(16)).next(1)).toBe(true);
  });

  it.each(['', 'x', '01ARZ3NDEKTSV4RRFFQ69G5FA', '01ARZ3NDEKTSV4RRFFQ69G5FAI', '81ARZ3NDEKTSV4RRFFQ69G5FAV'])(
    'are told from %p',
    (text) => expect(isEventId(text)).toBe(false),
  );
});
