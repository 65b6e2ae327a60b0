import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../log';
import { inTime } from '../measure';
import { errorText } from '../wire';
import type { Backing } from './backing';

const tryAgainMs = 1000;
const failure = 'it has not answered yet';

/**
 * A database that others share, and that may come late: until it is there whatever is asked of it is refused, and after that it is as if it had been there all the time.
 *
 * @param open rejects soon where the signal says so, before or during the call.
 * @returns when it is open, or after `patienceMs`.
 * @throws Error when it cannot be opened in that time.
 */
export async function openLateBacking(
  open: (signal: AbortSignal) => Promise<Backing>,
  patienceMs: number,
  log: Logger,
): Promise<Backing> {
  const closing = new AbortController();
  const { signal } = closing;
  const opening = open(signal);
  const early = await Promise.race([opening, inTime(opening, patienceMs).then(() => undefined)]);
  if (early !== undefined) return early;

  log.warn('the store does not answer: the agent routes without orders and events until it does');
  let opened: Backing | undefined;
  async function openInTheEnd(): Promise<void> {
    for (let next = opening; ; next = open(signal)) {
      try {
        opened = await next;
        log.info('the store answers: orders and events are taken up');
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ error: errorText(error) }, 'the store cannot be opened yet');
        await pause(tryAgainMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }
  const ending = openInTheEnd();

  /** Rejects, as everything else that goes wrong with a store, and does not throw. */
  function there(): Promise<Backing> {
    return opened === undefined ? Promise.reject(new Error(`the store: ${failure}`)) : Promise.resolve(opened);
  }
  return {
    isDurable: true,
    isShared: true,
    get failure() {
      return opened === undefined ? failure : opened.failure;
    },
    get: async (...args) => (await there()).get(...args),
    write: async (...args) => (await there()).write(...args),
    range: async (...args) => (await there()).range(...args),
    trim: async (...args) => (await there()).trim(...args),
    count: async (...args) => (await there()).count(...args),
    revision: async (...args) => (await there()).revision(...args),
    leases: {
      acquire: async (...args) => (await (await there()).leases?.acquire(...args)) === true,
      release: async (...args) => (await there()).leases?.release(...args),
    },
    quotas: {
      async claim(...args) {
        const { quotas } = await there();
        if (quotas === undefined) throw new Error('the store has no quotas');
        return quotas.claim(...args);
      },
    },
    async close() {
      closing.abort();
      await ending;
      await opened?.close();
    },
  };
}
