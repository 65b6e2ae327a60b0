import { setTimeout as pause } from 'node:timers/promises';

const everyMs = 50;

/**
 * Asks again and again until `probe` says true. A probe that throws counts as one that says false.
 *
 * @param unless what makes it pointless to go on waiting; the first rejection ends it.
 */
export async function waitFor(
  probe: () => boolean | Promise<boolean>,
  ...unless: readonly Promise<never>[]
): Promise<void> {
  const ended = new AbortController();
  try {
    await Promise.race([poll(probe, ended.signal), ...unless]);
  } finally {
    ended.abort();
  }
}

async function poll(probe: () => boolean | Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (await ask(probe)) return;
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
