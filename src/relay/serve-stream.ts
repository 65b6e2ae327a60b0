import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ReadLiveOptions } from './read-live';
import { answerProbe, type LiveOptions, type ReadStream, serveLive } from './serve-live';
import type { RelayStream } from './stream';
import type { Viewer } from './viewer';
import { serveVod } from './vod';

export interface ServeStreamOptions
  extends Omit<LiveOptions, 'read'>,
    Pick<ReadLiveOptions, 'provider' | 'resolve' | 'times'> {
  /** Of transport streams. */
  readonly readLive: ReadStream;
  /** Of HLS streams, as a transport stream. */
  readonly readHls: ReadStream;
  /** The stream as it is now. */
  readonly find: (streamId: string) => RelayStream | undefined;
  /** The client's true address. */
  readonly addressOf: (req: IncomingMessage) => string;
}

/** Texts that clients choose for themselves are cut here. */
const longestText = 200;

/**
 * Makes what answers `/stream/{id}` (GET and HEAD): live streams and files, by the type of the stream.
 * Its last argument is the query of the URL as it came, without `?`.
 */
export function createServeStream(options: ServeStreamOptions) {
  const { find, addressOf, provider, accounts, clients, reports, policy, times } = options;
  return (req: IncomingMessage, res: ServerResponse, stream: RelayStream, query: string): void => {
    const viewer = viewerOf(req, query, addressOf(req));
    if (stream.type === 'vod') {
      const settings = { ...policy, stallTimeoutMs: times.stallMs };
      void serveVod(req, res, {
        stream,
        viewer,
        clientQuery: query,
        resolve: (left) => options.resolve(stream, left),
        provider,
        accounts,
        clients,
        reports,
        settings,
      });
    } else if (!answerProbe(req, res)) {
      const read = stream.type === 'hls' ? options.readHls : options.readLive;
      serveLive(res, { viewer, query }, () => find(stream.id) ?? stream, { ...options, read });
    }
  };
}

/** Who asks: what query and headers say; a name is made up for the connection of whoever gives none. */
export function viewerOf(req: IncomingMessage, query: string, address: string): Viewer {
  const given = new URLSearchParams(query);
  const named = req.headers['x-username'];
  const username = cut(given.get('username') ?? (Array.isArray(named) ? named[0] : named));
  const userAgent = cut(req.headers['user-agent']) ?? '';
  return {
    id: cut(given.get('client_id')) ?? randomUUID(),
    player: username ?? `${address} ${userAgent}`,
    address,
    userAgent,
    username,
  };
}

/** One line of a bounded length; undefined where nothing is left. */
function cut(text: string | null | undefined): string | undefined {
  const line = (text ?? '').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '').slice(0, longestText);
  return line === '' ? undefined : line;
}
