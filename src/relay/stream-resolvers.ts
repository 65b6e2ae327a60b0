import type { Logger } from '../log';
import type { ActiveStreams } from './active-streams';
import type { SourceFailure } from './provider';
import { failureOf } from './provider-answer';
import type { Resolver } from './resolver';
import type { RelayStream } from './stream';
import { failoverIndex } from './views';

/** A source that failed, or is to be left. */
export interface LeftSource {
  readonly url: string;
  /** In the stream's list. */
  readonly index: number;
  readonly failure: Pick<SourceFailure, 'trigger' | 'status' | 'reason'>;
}

/**
 * Asks the service that a stream names where to go on.
 * @returns undefined where none is named, or the last question was of no use and its pause is not over yet. Never rejects; undefined as an answer: it knows no
 * URL that may work.
 */
export type Resolve = (left: LeftSource) => Promise<string | undefined> | undefined;

export interface StreamResolversOptions {
  readonly resolver: Resolver;
  readonly active: ActiveStreams;
  readonly log: Logger;
  readonly nowMs: () => number;
}

/** Clients of a stream whose source fails come one after the other: for so long an answer is good for all. */
const sharedMs = 1000;

/**
 * Makes what asks the resolvers of streams: once for all clients that leave a source at about the same time. After an answer of no use (none, or a source that
 * has just failed) nobody is asked for a second, then two, four, up to half a minute.
 */
export function createStreamResolvers({ resolver, active, log, nowMs }: StreamResolversOptions) {
  return (stream: RelayStream, left: LeftSource): Promise<string | undefined> | undefined => {
    const { resolverUrl } = stream;
    if (resolverUrl === undefined) return undefined;
    const of = active.of(stream.id);
    const { resolved, health } = of;
    const now = nowMs();
    const { asked } = resolved;
    if (asked?.about === left.url && now < asked.untilMs) return asked.answer;
    // One question at a time.
    if (asked?.untilMs === Infinity || resolved.health.of(resolverUrl).retryAtMs > now) return undefined;
    const made = { about: left.url, untilMs: Infinity, answer: ask(resolverUrl) };
    resolved.asked = made;
    return made.answer;

    async function ask(url: string): Promise<string | undefined> {
      const { trigger, status, reason } = left.failure;
      const answer = await resolver.next({
        resolverUrl: url,
        currentUrl: left.url,
        metadata: stream.metadata,
        failoverIndex: failoverIndex(left.index),
        status,
        reason: `${trigger}: ${reason}`,
        // It has a time-out of its own, and other clients wait for it too.
        signal: new AbortController().signal,
      });
      const answeredMs = nowMs();
      made.untilMs = answeredMs + sharedMs;
      const problem = answer.problem ?? problemOf(answer.url, answeredMs);
      if (problem === undefined && answer.url !== undefined) {
        resolved.url = answer.url;
        resolved.health.works(url);
        return answer.url;
      }
      resolved.health.failed(url, failureOf('status', problem ?? ''), now, answeredMs);
      log.info({ stream: stream.id, reason: problem }, 'the resolver of a stream is of no use');
      return undefined;
    }

    function problemOf(url: string, answeredMs: number): string | undefined {
      if (url === left.url) return 'It named the source that is to be left.';
      return health.of(url).retryAtMs > answeredMs ? 'It named a source that has just failed.' : undefined;
    }
  };
}
