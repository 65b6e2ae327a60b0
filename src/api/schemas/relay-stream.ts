import * as z from 'zod/mini';
import { count, described, list, mostOnPage, record, seconds, text, textOrNull, time } from './kinds';

/*
 * What relays are doing: what each of them says of itself (`RelayOverview`, `RelayWhy`), and what the agent makes of the answers of all of them.
 */

const ms = described(z.number().check(z.gte(0)), 'Milliseconds.');
const msOrNull = described(z.nullable(z.number().check(z.gte(0))), 'Milliseconds.');
const index = described(count, 'Place in the list of sources; 0 is the primary one.');
const indexOrNull = described(z.nullable(count), 'Place in the list of sources; null while none plays.');
const placeOrNull = described(
  z.nullable(count),
  'Place in the list of sources as it was then; null for what is no source.',
);
const shownUrl = described(text, 'Without what may be a credential: scheme, host and port only.');
const streamType = z.enum(['live', 'vod', 'hls']);
const trigger = described(text, 'What the source did: connect, status, reset, end, stall, manual, …');

/** Failovers that are remembered of a stream, and clients that are told of one. */
export const mostFailovers = 20;
export const mostClients = 100;
/** Streams that one relay tells of at a time. */
export const mostRelayRows = 500;

export const RelayFailover = record(
  { time, from: placeOrNull, to: placeOrNull, trigger, reason: described(text, 'In words.') },
  {
    fromUrl: described(textOrNull, 'As the source was called then; null when it was not known any more.'),
    toUrl: described(textOrNull, 'The same of the source that followed.'),
    byteGapMs: described(
      ms,
      'From the last byte of the old source to the first of the new one, in milliseconds; of several clients the longest.',
    ),
    pictureGapMs: described(
      msOrNull,
      'Until the next picture, in milliseconds; null where the stream has none. Of several clients the longest.',
    ),
    client: described(text, 'Who went over; of several, the first.'),
    clients: described(count, 'How many went over within 5 seconds, for the same reason.'),
  },
  'Clients went over from one source to another.',
);

export const RelaySource = record(
  {
    index,
    url: shownUrl,
    state: described(
      z.enum(['playing', 'standby', 'failed', 'ok']),
      '`playing`: clients read it. `standby`: it is read, so that it can follow at once. `failed`: it failed last, and is left alone for `retryInMs`. ' +
        '`ok`: nothing is known against it.',
    ),
  },
  {
    role: described(
      z.enum(['primary', 'backup', 'resolver']),
      '`resolver`: it is in no list, the resolver of the stream named it.',
    ),
    clients: described(count, 'Who play it.'),
    account: described(textOrNull, 'The account that it belongs to.'),
    failures: described(count, 'In a row.'),
    lastFailure: described(
      z.nullable(record({ trigger, reason: text }, { status: z.nullable(z.int()) })),
      'Why it failed last; null when it has worked since.',
    ),
    retryInMs: described(ms, 'How long it is left alone yet, in milliseconds.'),
  },
  'One source of a stream.',
);

export const RelayAccount = record(
  { name: text, maxConnections: count, inUse: count },
  {
    inUseElsewhere: described(count, 'By the other relays that share its store; `inUse` is without them.'),
    waiting: described(count, 'Who wait for a connection.'),
  },
  'A login at a provider, and how many connections it has open.',
);

export const RelayClient = record(
  { id: text },
  {
    address: text,
    userAgent: text,
    username: textOrNull,
    since: time,
    bytes: count,
    source: indexOrNull,
    card: described(z.nullable(z.enum(['down', 'full'])), 'Why it is shown a card; null while it is not.'),
    failovers: count,
  },
  'Who plays a stream.',
);

const ofStream = {
  title: described(textOrNull, 'The `title` or `name` of its metadata.'),
  type: streamType,
  clients: count,
  bytes: described(count, 'Sent to clients since the relay started.'),
  errors: described(count, 'Clients that no source could serve, and connections to providers that failed.'),
  failovers: described(count, 'Times that a client went over to another source.'),
  current: described(indexOrNull, 'The source that most of its clients play; null while none plays.'),
  currentUrl: described(textOrNull, 'Its URL, without what may be a credential.'),
};

export const RelayChannel = record(
  { segments: described(count, 'Segments that are held.'), seconds: described(seconds, 'How long these last.') },
  {
    underruns: described(count, 'Times that players had nothing new for so long that they ran dry.'),
    fetchMs: described(
      msOrNull,
      'Milliseconds: the median of what the last segments took to fetch; null before the first.',
    ),
  },
  'The buffer of an HLS stream that is read once for all its players.',
);

/** A stream in a list. */
export const RelayRow = record(
  { id: text },
  {
    ...ofStream,
    sources: described(count, 'How many sources it has.'),
    failedSources: described(count, 'How many of them are left alone now.'),
    lastFailover: z.nullable(RelayFailover),
    gapsMs: described(
      z.array(z.number().check(z.gte(0))).check(z.maxLength(mostFailovers)),
      'The byte gaps of its last failovers in milliseconds, oldest first.',
    ),
    channel: described(z.nullable(RelayChannel), 'Null where it has none: nobody plays it, or it is no HLS stream.'),
  },
  'A stream of relays.',
);

/** What one relay says of all its streams. */
export const RelayOverview = record(
  {
    streams: list(RelayRow, 'Those that are played first, then those of which something was heard.', mostRelayRows),
    total: described(count, 'How many there are, listed or not.'),
  },
  { accounts: list(RelayAccount) },
);

/** What one relay says of one stream. */
export const RelayWhy = record(
  { id: text, sources: list(RelaySource, 'In the order in which they are tried.') },
  {
    ...ofStream,
    lastAccess: time,
    accounts: list(RelayAccount, 'Those of its sources.'),
    recentFailovers: list(RelayFailover, 'Newest first.', mostFailovers),
    players: list(RelayClient, `Its clients, at most ${mostClients}.`, mostClients),
    next: described(
      z.nullable(record({ index, because: described(text, 'In a sentence.') }, { url: shownUrl, inMs: ms })),
      'Which source is tried next, and when; null where there is none.',
    ),
  },
  'What a relay knows of a stream, and what it will do.',
);

const relayProblem = described(textOrNull, 'Why the relay gave no answer, or would not; null when it did.');

/** One relay as the agent asked it. */
export const RelayState = record(
  { name: described(text, "The server's name in haproxy.cfg."), problem: relayProblem },
  {
    streams: described(z.nullable(count), 'How many it has; null when it did not answer.'),
    accounts: list(RelayAccount),
  },
);

export const RelayStreamList = record(
  {
    streams: list(
      record(
        { stream: RelayRow },
        { relays: described(z.array(text), 'The relays that play it, by name.') },
        'A stream, its figures summed over all relays.',
      ),
      'Those that are played first, then by name.',
      mostOnPage,
    ),
    total: described(count, 'How many there are, listed or not.'),
  },
  { relays: list(RelayState, 'Every relay that was asked.') },
);

export const RelayAccountList = record({ relays: list(RelayState) }, {}, 'Each relay counts for itself.');

/** A stream of relays as the agent joins it. */
export const RelayStream = record(
  {
    id: text,
    relays: list(
      record(
        { name: text, problem: relayProblem },
        { why: described(z.nullable(RelayWhy), 'Null where it has no such stream, or did not answer.') },
      ),
      'What each relay says of it.',
    ),
  },
  {
    title: textOrNull,
    type: z.nullable(streamType),
    clients: described(count, 'On all relays together; so are the next two.'),
    bytes: count,
    failovers: count,
    lastFailover: z.nullable(RelayFailover),
  },
);

export const RelayFailoverDone = record(
  { id: text, moved: described(count, 'How many clients go over to their next source now.') },
  { relays: list(record({ name: text, moved: count, problem: relayProblem }, {}), 'What came of it on each relay.') },
);
