import { setTimeout as pause } from 'node:timers/promises';
import { DemoError } from './demo-error';

const everyMs = 50;
/** Longer than anything here takes on a busy machine. */
const deadlineMs = 60_000;

/**
 * Asks again and again until `probe` says true. A probe that throws counts as one that says false.
 *
 * @param what is waited for, for the message when it does not come: `mtx1 to have live/a`.
 * @param unless makes it pointless to go on waiting; its rejection is passed on.
 * @throws DemoError after a minute.
 */
export async function waitFor(
  what: string,
  probe: () => boolean | Promise<boolean>,
  unless: Promise<never>,
): Promise<void> {
  const ended = new AbortController();
  try {
    await Promise.race([poll(what, probe, ended.signal), unless]);
  } finally {
    ended.abort();
  }
}

async function poll(what: string, probe: () => boolean | Promise<boolean>, signal: AbortSignal): Promise<void> {
  const startMs = performance.now();
  while (!signal.aborted) {
    if (await ask(probe)) return;
    if (performance.now() - startMs > deadlineMs) {
      throw new DemoError(`waited ${deadlineMs / 1000} s for ${what}, in vain`);
    }
    await pause(everyMs);
  }
}

async function ask(probe: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await probe();
  } catch {
    return false;
  }
}
