import type { Journal } from '../store';
import type { EventType, StoredEvent } from './event';

export interface EventQuery {
  /** The id after which to go on (or `idBefore` of a time). Without it: the newest ones. */
  readonly after?: string | undefined;
  /** Only events before this id. */
  readonly before?: string | undefined;
  readonly types?: readonly EventType[] | undefined;
  readonly stream?: string | undefined;
  readonly server?: string | undefined;
  /** Events at most; 1 to 1000. */
  readonly limit: number;
}

const maxListed = 1000;
const pageSize = 1000;

/** Ascending by id. @throws Error when the store cannot be read; RangeError for a limit that is not allowed. */
export async function listEvents(
  journal: Pick<Journal<StoredEvent>, 'read'>,
  { limit, after, before: end, types, stream, server }: EventQuery,
): Promise<StoredEvent[]> {
  if (!Number.isInteger(limit) || limit < 1 || limit > maxListed) {
    throw new RangeError(`a list of events has from 1 to ${maxListed}, not ${limit}`);
  }
  const isWanted = ({ type, data }: StoredEvent): boolean =>
    (types === undefined || types.includes(type)) &&
    (stream === undefined || data['stream'] === stream) &&
    (server === undefined || data['server'] === server);
  const newestFirst = after === undefined;
  const found: StoredEvent[] = [];
  let before = end;
  let from = after;
  for (;;) {
    const records = await journal.read({ after: from, before, limit: pageSize, newestFirst });
    for (const [, event] of records) {
      if (found.length < limit && isWanted(event)) found.push(event);
    }
    const last = records.at(-1);
    if (found.length >= limit || last === undefined) return newestFirst ? found.reverse() : found;
    if (newestFirst) before = last[0];
    else from = last[0];
  }
}
