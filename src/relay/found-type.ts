import type { ServerResponse } from 'node:http';
import type { Logger } from '../log';
import { respondNoSource } from './no-source';
import type { SourceFailure } from './provider';
import type { RelayStream, StreamType } from './stream';
import type { RelayStreams } from './streams';
import { endpointOf } from './views';

export interface FoundTypeOptions {
  readonly streams: Pick<RelayStreams, 'retype'>;
  /** Before every path; empty where there is none. */
  readonly rootPath: string;
  readonly log: Logger;
}

/** What a player asked for, and why it has got nothing. */
export interface FoundType {
  readonly stream: RelayStream;
  /** What its first source turned out to be, whatever its URL says. */
  readonly type: StreamType;
  /** Of the player's URL. */
  readonly query: string;
  readonly failures: readonly SourceFailure[];
}

/**
 * Makes what answers when a stream is of another type than its URL says: the stream is of that type from then on, and the player is sent to where such streams are.
 */
export function createFoundType({ streams, rootPath, log }: FoundTypeOptions) {
  return async (res: ServerResponse, { stream, type, query, failures }: FoundType): Promise<void> => {
    const isStored = await streams.retype(stream.id, type);
    if (res.destroyed) return;
    if (!isStored) {
      respondNoSource(res, failures);
      return;
    }
    log.info({ stream: stream.id, type }, 'a stream is of another type than its URL says');
    const location = `${rootPath}${endpointOf({ id: stream.id, type })}${query === '' ? '' : `?${query}`}`;
    res.writeHead(302, ['location', location, 'cache-control', 'no-store', 'access-control-allow-origin', '*']).end();
  };
}
