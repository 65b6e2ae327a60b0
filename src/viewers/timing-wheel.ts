/** Small numbers (slots) that are to be looked at when their time has come: one linked list for each tick, no timer and no object for each. */
export interface TimingWheel {
  /** Makes room for slots below `capacity`. */
  grow(capacity: number): void;
  /** Adds a slot that is not in the wheel. It is due with the first tick that begins at `dueMs` or later; beyond the span, at its end. */
  add(slot: number, dueMs: number): void;
  /** Takes out every slot that is due and hands it over; `onDue` may add it again. */
  advance(nowMs: number, onDue: (slot: number) => void): void;
  /** Takes out all, for the wheel to be filled anew. */
  clear(): void;
}

const none = -1;

/** @param spanMs how far ahead slots can be due. */
export function createTimingWheel(spanMs: number, tickMs: number, nowMs: number): TimingWheel {
  // One tick is under way, one is for what is due between two.
  const heads = new Int32Array(Math.ceil(spanMs / tickMs) + 2).fill(none);
  let next = new Int32Array(0);
  /** Ticks up to this one are over. */
  let doneTick = Math.floor(nowMs / tickMs);

  function add(slot: number, dueMs: number): void {
    const tick = Math.min(Math.max(Math.ceil(dueMs / tickMs), doneTick + 1), doneTick + heads.length - 1);
    const bucket = tick % heads.length;
    next[slot] = heads[bucket] ?? none;
    heads[bucket] = slot;
  }

  return {
    add,
    grow(capacity) {
      const larger = new Int32Array(capacity);
      larger.set(next);
      next = larger;
    },
    advance(nowMs, onDue) {
      const nowTick = Math.floor(nowMs / tickMs);
      // After a long pause every list is due once.
      let tick = Math.max(doneTick, nowTick - heads.length);
      while (tick < nowTick) {
        tick++;
        doneTick = Math.max(doneTick, tick);
        const bucket = tick % heads.length;
        let slot = heads[bucket] ?? none;
        heads[bucket] = none;
        while (slot !== none) {
          const following = next[slot] ?? none;
          onDue(slot);
          slot = following;
        }
      }
    },
    clear() {
      heads.fill(none);
    },
  };
}
