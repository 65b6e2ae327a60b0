import { setTimeout as pause } from 'node:timers/promises';
import type { DemoFleet } from './fleet';

/** One stream of the demo. */
export interface DemoStream {
  readonly name: string;
  /** What its publishers do, for the page. */
  readonly habit: string;
  /** Where it is published at the beginning. */
  readonly startsOn: string;
}

/** What a publisher does. */
export type Change = { readonly stream: string } & (
  | { readonly act: 'publish' | 'unpublish'; readonly server: string }
  | { readonly act: 'move'; readonly from: string; readonly to: string }
);

/** A change at a moment of each round. */
export type Step = Change & { readonly atMs: number };

export const demoStreams: readonly DemoStream[] = [
  { name: 'live/news', habit: 'stays', startsOn: 'mtx1' },
  { name: 'live/sport', habit: 'stays', startsOn: 'mtx2' },
  { name: 'live/studio/a', habit: 'moves every 20 s', startsOn: 'mtx1' },
  { name: 'live/studio/b', habit: 'comes and goes', startsOn: 'mtx2' },
  { name: 'live/concert', habit: 'on two servers for a while', startsOn: 'mtx3' },
  { name: 'cam/door', habit: 'stays', startsOn: 'mtx3' },
];

/** The round: after it everything is where it began. */
export const roundMs = 60_000;

/** Steps of one round, in order of time. */
export const steps: readonly Step[] = [
  { atMs: 10_000, stream: 'live/concert', act: 'publish', server: 'mtx1' },
  { atMs: 15_000, stream: 'live/studio/b', act: 'unpublish', server: 'mtx2' },
  { atMs: 20_000, stream: 'live/studio/a', act: 'move', from: 'mtx1', to: 'mtx2' },
  { atMs: 25_000, stream: 'live/studio/b', act: 'publish', server: 'mtx3' },
  { atMs: 30_000, stream: 'live/concert', act: 'unpublish', server: 'mtx3' },
  { atMs: 40_000, stream: 'live/studio/a', act: 'move', from: 'mtx2', to: 'mtx3' },
  { atMs: 42_000, stream: 'live/concert', act: 'publish', server: 'mtx3' },
  { atMs: 46_000, stream: 'live/studio/b', act: 'unpublish', server: 'mtx3' },
  { atMs: 52_000, stream: 'live/concert', act: 'unpublish', server: 'mtx1' },
  { atMs: 56_000, stream: 'live/studio/b', act: 'publish', server: 'mtx2' },
  { atMs: 60_000, stream: 'live/studio/a', act: 'move', from: 'mtx3', to: 'mtx1' },
];

/** Publishes every stream where it starts. */
export async function publishAll(fleet: DemoFleet): Promise<void> {
  await Promise.all(demoStreams.map(({ name, startsOn }) => fleet.publish(name, startsOn)));
}

/** Carries one change out; resolves when the servers have followed it. */
export function make(change: Change, fleet: DemoFleet): Promise<void> {
  if (change.act === 'move') return fleet.move(change.stream, change.from, change.to);
  return fleet[change.act](change.stream, change.server);
}

/**
 * Plays round after round until the signal. A step that takes longer than its time (real encoders start slowly) delays those
 * behind it.
 */
export async function playRounds(
  fleet: DemoFleet,
  signal: AbortSignal,
  onChange: (change: Change) => void,
): Promise<void> {
  for (let startMs = performance.now(); !signal.aborted; startMs += roundMs) {
    for (const step of steps) {
      const hasCome = await reaches(startMs + step.atMs, signal);
      if (!hasCome) return;
      await make(step, fleet);
      onChange(step);
    }
  }
}

/** Resolves at a time of `performance.now()` with true, or with false when the signal comes before. */
async function reaches(atMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await pause(Math.max(0, atMs - performance.now()), undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
