import type { Webhook } from '../events';
import type { Settings } from './schema';

/** Who receives events, by name. */
export function eventReceivers({ events }: Settings): ReadonlyMap<string, Webhook> {
  return new Map(
    Object.entries(events.webhooks).map(([name, { timeout: timeoutMs, giveUpAfter: giveUpAfterMs, ...webhook }]) => [
      name,
      { ...webhook, timeoutMs, giveUpAfterMs },
    ]),
  );
}
