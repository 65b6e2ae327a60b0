import { randomBytes } from 'node:crypto';
import * as z from 'zod/mini';
import { readAs, type Store } from '../store';

const storedKey = z.object({ key: z.string().check(z.regex(/^[0-9a-f]{64}$/)) });
const onlyId = '1';

/**
 * The key of which the ids of streams are made: random, made once, and kept in the store. Relays that share a store have the same.
 * @throws Error when the store cannot be read or written.
 */
export async function openStreamKey(store: Store, random: (count: number) => Buffer = randomBytes): Promise<Buffer> {
  const keys = store.journal('relay-key', readAs(storedKey));
  const kept = await firstKey();
  if (kept !== undefined) return kept;
  // A journal takes no second record below its newest: of several relays that start at the same time, the first one's counts.
  await keys.appendAbove([[onlyId, { key: random(32).toString('hex') }]]);
  const made = await firstKey();
  if (made === undefined) throw new Error("the store lost the key of the streams' ids");
  return made;

  async function firstKey(): Promise<Buffer | undefined> {
    const [first] = await keys.read({ limit: 1 });
    return first === undefined ? undefined : Buffer.from(first[1].key, 'hex');
  }
}
