import { setTimeout as pause } from 'node:timers/promises';
import type { SourceFailure } from './provider';
import type { Resolve } from './stream-resolvers';

/** The source of a file that a resolver names: asked for once, when the first source has failed. Both take the sources, and add it where it is none of them. */
export interface NamedSource {
  /** Its index, where it is named soon; undefined: the next one of the list is to be tried meanwhile. */
  soon(sources: string[], from: number, failure: SourceFailure): Promise<number | undefined>;
  /** Its index, when the list is at its end; undefined where it was named before, or nothing is. */
  late(sources: string[]): Promise<number | undefined>;
}

/** A list is gone on with when the resolver has not answered by then. */
const soonMs = 1000;

/** @param asWanted what is asked for a source: with the client's query of catch-up, say. */
export function createNamedSource(resolve: Resolve, asWanted: (url: string) => string): NamedSource {
  let asked: Promise<string | undefined> | undefined;
  let isOver = false;

  function indexOf(sources: string[], url: string | undefined): number | undefined {
    if (url === undefined) return undefined;
    const wanted = asWanted(url);
    const index = sources.indexOf(wanted);
    return index === -1 ? sources.push(wanted) - 1 : index;
  }

  return {
    async soon(sources, from, failure) {
      if (isOver || asked !== undefined) return undefined;
      asked = resolve({ url: sources[from] ?? '', index: from, failure });
      isOver = asked === undefined;
      if (asked === undefined) return undefined;
      const url = await Promise.race([asked, pause(soonMs, 'late' as const, { ref: false })]);
      if (url === 'late') return undefined;
      isOver = true;
      return indexOf(sources, url);
    },
    async late(sources) {
      if (isOver || asked === undefined) return undefined;
      isOver = true;
      return indexOf(sources, await asked);
    },
  };
}
