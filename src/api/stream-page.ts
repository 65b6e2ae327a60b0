import type { Directory, StreamView } from '../directory';
import type { Steps } from '../http';
import type { StreamPage } from './parameters';

/** What a page of streams is made of. */
export type StreamSource = Pick<Directory, 'stream' | 'streamNames'>;

interface Page {
  readonly streams: readonly StreamView[];
  /** Streams that match, on this page or not. */
  readonly total: number;
  /** The cursor of the next page; undefined on the last. */
  readonly next: string | undefined;
}

/** Names looked at in one step: some 20 µs. */
const namesAtOnce = 200;

/**
 * One page of the live streams, by name. Only the page's streams are looked at and sorted, not the fleet's: with 100,000 streams
 * that would hold up decisions for longer than a viewer's question may wait.
 */
export function* pageOfStreams(source: StreamSource, { limit, cursor, match }: StreamPage): Steps<Page> {
  let total = 0;
  let names: string[] = [];
  /** The last name that can be on this page or begin the next. */
  let bound: string | undefined;
  let seen = 0;
  for (const name of source.streamNames()) {
    if (++seen % namesAtOnce === 0) yield;
    if (!name.includes(match)) continue;
    total++;
    if (name <= cursor || (bound !== undefined && name > bound)) continue;
    names.push(name);
    if (names.length > 4 * limit) {
      names = firstNames(names, limit + 1);
      bound = names.at(-1);
    }
  }
  names = firstNames(names, limit + 1);
  const streams: StreamView[] = [];
  for (const name of names.slice(0, limit)) {
    const view = source.stream(name);
    if (view !== undefined) streams.push(view);
    yield;
  }
  return { streams, total, next: names.length > limit ? names[limit - 1] : undefined };
}

function firstNames(names: string[], count: number): string[] {
  // Sorts by code units, as the comparisons above do.
  return names.sort().slice(0, count);
}
