import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../log';
import { nullPackets } from '../mpegts';
import type { Accounts } from './accounts';
import { withClientQuery } from './catch-up';
import type { Failover, RelayClients, RelayReports } from './client';
import type { createFoundType } from './found-type';
import { respondFull, respondNoSource } from './no-source';
import type { LiveReads } from './read-live';
import type { Reading } from './shared-feeds';
import type { SharedReader } from './shared-source';
import type { RelayStream } from './stream';
import type { SlotPolicy } from './take-slot';
import { clientOf, type Viewer } from './viewer';

/** Reads a stream from now on, until it is stopped. */
export type ReadStream = (stream: () => RelayStream, reader: SharedReader, reads: LiveReads) => Reading;

export interface LiveOptions {
  readonly read: ReadStream;
  /** `client`: each client has a connection to the provider of its own; `stream`: all clients of a stream read one together. */
  readonly share: 'client' | 'stream';
  readonly policy: SlotPolicy;
  readonly accounts: Accounts;
  readonly clients: RelayClients;
  readonly reports: RelayReports;
  /** Answers whoever asked for a live stream that is HLS. */
  readonly foundType: ReturnType<typeof createFoundType>;
  readonly log: Logger;
  readonly nowMs: () => number;
}

/** Who asks, and what its URL had behind `?`. */
export interface LiveRequest {
  readonly viewer: Viewer;
  readonly query: string;
}

/** What a live stream says of itself before its bytes: it has no length and no places, and nobody may keep it. */
const liveHeaders = [
  'cache-control',
  'no-store',
  'accept-ranges',
  'none',
  'access-control-allow-origin',
  '*',
  'x-content-type-options',
  'nosniff',
  'connection',
  'close',
];
/** A client that asks for no more than this wants to know what the stream is, and not the stream. */
const longestProbe = 64 * 1024;

/**
 * Answers what needs no provider: HEAD, and the first bytes that a player asks for to see what it gets.
 * @returns whether it was such a question.
 */
export function answerProbe(req: IncomingMessage, res: ServerResponse): boolean {
  if (req.method === 'HEAD') {
    res.writeHead(200, ['content-type', 'video/mp2t', ...liveHeaders]);
    res.end();
    return true;
  }
  const [, lastText] = /^bytes=0-(\d{1,6})$/.exec(req.headers.range ?? '') ?? [];
  const length = Number(lastText) + 1;
  if (!(length <= longestProbe)) return false;
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += nullPackets.length) nullPackets.copy(bytes, at);
  const range = `bytes 0-${length - 1}/*`;
  const head = ['content-type', 'video/mp2t', 'content-length', String(length), 'content-range', range];
  res.writeHead(206, [...head, ...liveHeaders]);
  res.end(bytes);
  return true;
}

/** Gives a live stream to one client until the client goes. */
export function serveLive(
  res: ServerResponse,
  { viewer, query }: LiveRequest,
  stream: () => RelayStream,
  options: LiveOptions,
): void {
  const { clients, reports, nowMs } = options;
  const { id: streamId } = stream();
  let endReason: string | undefined;
  const reading: { feed: Reading | undefined } = { feed: undefined };
  const standing = {
    bytes: 0,
    failovers: 0,
    lastAccessMs: nowMs(),
    get source() {
      return reading.feed?.source ?? -1;
    },
    get card() {
      return reading.feed?.card;
    },
  };
  const client = clientOf(viewer, streamId, standing, {
    disconnect: () => res.destroy(),
    failover: (to) => reading.feed?.failover(to),
  });
  if (!clients.add(client)) {
    respondFull(res);
    return;
  }
  const reader: SharedReader = {
    begin(contentType) {
      // The body ends where the connection does: chunks would cost bytes and time, and mean nothing here.
      res.useChunkedEncodingByDefault = false;
      res.writeHead(200, ['content-type', contentType, ...liveHeaders]);
      res.flushHeaders();
    },
    write(buffers) {
      standing.lastAccessMs = nowMs();
      let takesMore = true;
      if (buffers.length > 1) res.cork();
      for (const buffer of buffers) {
        standing.bytes += buffer.length;
        takesMore = res.write(buffer);
      }
      if (buffers.length > 1) res.uncork();
      return takesMore;
    },
    fill(packets) {
      // Whoever does not even take these needs no more of them.
      if (!res.writableNeedDrain) res.write(packets);
    },
    end: () => res.end(),
    fail(failures) {
      const [first] = failures;
      if (first?.found === 'hls') {
        endReason = first.reason;
        void options.foundType(res, { stream: stream(), type: 'hls', query, failures });
        return;
      }
      if (first !== undefined) reports.clientFailed(client, first);
      endReason = first?.reason;
      respondNoSource(res, failures);
    },
    drop(reason) {
      endReason = reason;
      options.log.info({ stream: streamId, client: viewer.id, reason }, 'a client of a shared stream was dropped');
      res.destroy();
    },
  };
  const reads = {
    query,
    isShared: isReadTogether(stream(), query, options),
    player: () => viewer.player,
    failedOver(report: Omit<Failover, 'client'>) {
      standing.failovers++;
      reports.failedOver({ client, ...report });
    },
  };
  const feed = options.read(stream, reader, reads);
  reading.feed = feed;
  res.on('drain', () => feed.resume());
  res.once('close', () => {
    feed.stop();
    clients.remove(client, endReason);
  });
}

/** Whether clients of this stream read one connection together. What one asks of the past is for nobody else. */
function isReadTogether({ url }: RelayStream, query: string, { share, policy, accounts }: LiveOptions): boolean {
  const isWanted = share === 'stream' || (policy.whenFull === 'share' && accounts.nameOf(url) !== undefined);
  return isWanted && withClientQuery(url, query) === url;
}
