import { randomUUID } from 'node:crypto';
import type { Backing, Fence, Leases } from './backing';
import { leaseLost } from './lease-lost';
import type { Lease, Store } from './store';

/** So long a process that vanished makes others wait. */
const heldForMs = 3000;
/** Before its end the holder takes it for lost: clocks of two machines do not run alike. */
const marginMs = 300;
const renewEveryMs = 1000;
const tryEveryMs = 500;

/** Tries for a lease from now on. @param view makes a store whose writes depend on a fence. */
export function createLease(
  name: string,
  backing: Pick<Backing, 'leases'>,
  view: (fence: () => Fence) => Store,
): Lease {
  return backing.leases === undefined ? heldForGood(view) : heldForATime(name, backing.leases, view);
}

function heldForATime(name: string, leases: Leases, view: (fence: () => Fence) => Store): Lease {
  const listeners = new Set<(isHeld: boolean) => void>();
  // A new one each time that it was lost: what was sent under the old one is refused.
  let token = randomUUID();
  let isHeld = false;
  let heldUntilMs = 0;
  let elsewhereAtMs = Number.NEGATIVE_INFINITY;
  let changes = 0;
  let isReleased = false;
  let timer: NodeJS.Timeout | undefined;
  let expiry: NodeJS.Timeout | undefined;

  function change(now: boolean): void {
    if (now === isHeld) return;
    isHeld = now;
    changes++;
    if (!now) token = randomUUID();
    for (const listener of [...listeners]) listener(now);
  }

  async function tryOnce(): Promise<void> {
    const askedMs = performance.now();
    const asked = token;
    try {
      const isGiven = await leases.acquire({ lease: name, token: asked }, heldForMs);
      // It was lost while this was under way.
      if (isReleased || asked !== token) return;
      clearTimeout(expiry);
      if (isGiven) {
        heldUntilMs = askedMs + heldForMs - marginMs;
        const leftMs = heldUntilMs - performance.now();
        if (leftMs > 0) expiry = setTimeout(() => change(false), leftMs);
        change(leftMs > 0);
      } else {
        elsewhereAtMs = askedMs;
        change(false);
      }
    } catch {
      // The store cannot be reached: it is held until it runs out, and tried for again. The store logs that itself.
    }
  }

  function goOn(): void {
    if (isReleased) return;
    timer = setTimeout(() => trying(), isHeld ? renewEveryMs : tryEveryMs);
  }
  let underWay = Promise.resolve();
  function trying(): void {
    underWay = tryOnce().then(goOn);
  }
  trying();

  /** By the clock too: after a process was stopped for a while, its timers come late. */
  const isHeldNow = (): boolean => isHeld && performance.now() < heldUntilMs;

  return {
    get isHeld() {
      return isHeldNow();
    },
    get elsewhereAtMs() {
      return elsewhereAtMs;
    },
    get changes() {
      return changes;
    },
    store: view(() => {
      if (!isHeldNow()) throw leaseLost(name);
      return { lease: name, token };
    }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async release() {
      if (isReleased) return;
      isReleased = true;
      clearTimeout(timer);
      clearTimeout(expiry);
      await underWay;
      const given = token;
      change(false);
      listeners.clear();
      try {
        await leases.release({ lease: name, token: given });
      } catch {
        // It runs out by itself.
      }
    },
  };
}

/** Where nobody else can have it. */
function heldForGood(view: (fence: () => Fence) => Store): Lease {
  return {
    isHeld: true,
    elsewhereAtMs: Number.NEGATIVE_INFINITY,
    changes: 0,
    store: view(() => ({ lease: '', token: '' })),
    onChange: () => () => undefined,
    release: () => Promise.resolve(),
  };
}
