import * as z from 'zod/mini';
import { holderEvidence, serverKind } from './decision';
import { count, countOrNull, described, flag, list, mostOnPage, nextPage, record, text, textOrNull } from './kinds';

export const readersByProtocol = record(
  {},
  { rtsp: count, rtmp: count, srt: count, webrtc: count, other: count },
  'Readers that MediaMTX serves without HAProxy, by how they read.',
);

export const viewersOrNull = described(
  countOrNull,
  'By HLS, through HAProxy; null while no HAProxy has reported viewers.',
);

export const Holder = record(
  { server: text },
  {
    publisherSince: described(textOrNull, 'RFC 3339, as MediaMTX gave it, but not later than when it was first seen.'),
    sourceType: textOrNull,
    pulled: described(flag, 'The server pulls a copy from elsewhere; nobody publishes there.'),
    tracks: list(text),
    readers: described(count, 'By protocols other than HLS.'),
    readersByProtocol,
    bytesReceived: count,
    bytesSent: count,
    evidence: holderEvidence,
  },
  'One server that has the stream live.',
);
export const Stream = record(
  {
    name: text,
    holders: list(Holder, 'The chosen one first; none while there is only a filler.'),
  },
  {
    fillers: list(
      text,
      'Servers on which the path is always available and the publisher is away: they show their filler.',
    ),
    conflict: described(flag, 'More than one publisher, without being replicated on purpose.'),
    policy: z.enum(['auto', 'newest', 'spread']),
    viewers: viewersOrNull,
    kind: described(serverKind, '`relay`: it is in the store of the holders, whether anybody plays it or not.'),
  },
);
export const StreamList = record(
  {
    streams: list(Stream, 'Sorted by name.', mostOnPage),
    total: described(count, 'How many streams match, on this page or not.'),
  },
  { next: nextPage },
);
