import * as z from 'zod/mini';
import { serverKind } from './decision';
import { ageMsOrNull, count, countOrNull, described, flag, list, record, text, textOrNull, time } from './kinds';
import { readersByProtocol, viewersOrNull } from './stream';

const intentKind = z.enum(['ready', 'drain', 'maint']);
const operational = z.enum(['UP', 'DOWN', 'UNKNOWN']);
const apiHealth = z.enum(['unknown', 'ok', 'failing', 'suspect']);

export const Intent = described(
  z.nullable(
    record(
      { kind: intentKind },
      {
        reason: text,
        operator: described(text, 'Who gave the order: the name given with it.'),
        since: time,
        deadline: described(textOrNull, 'Of a drain: when it turns into maint.'),
      },
    ),
  ),
  'What an operator wants of a server; null when there is no order.',
);
export const ControlledServer = record(
  {
    name: text,
    wanted: described(
      z.enum([...intentKind.options, 'external']),
      'What control wants now; `external`: somebody set it by hand in HAProxy, and it is left alone.',
    ),
    safeToStop: flag,
  },
  {
    intent: Intent,
    because: described(text, 'Why, in one sentence.'),
    nodes: list(
      record(
        { node: text },
        {
          operational,
          administrative: intentKind,
          weight: count,
          viewers: described(countOrNull, 'Sessions that point there; null while they are not known.'),
        },
      ),
      'How each HAProxy sees the server.',
    ),
    api: apiHealth,
    viewersLeft: described(
      countOrNull,
      "The greater of HAProxy's sessions and MediaMTX's HLS sessions, and readers by other protocols; null while that is not known: not counted is not zero.",
    ),
    readers: count,
    onlyHere: list(text, 'Streams that are live there and nowhere else.', 100),
    onlyHereCount: described(countOrNull, 'How many there are, listed or not; null until they are counted.'),
    notSafeBecause: described(text, 'Empty when it is safe.'),
  },
  'What control knows and wants of a server.',
);
export const Server = record(
  {
    name: text,
    operational: described(operational, "HAProxy's operational state."),
    administrative: described(intentKind, "HAProxy's administrative state."),
    api: record(
      { health: apiHealth },
      {
        consecutiveFailures: count,
        lastError: textOrNull,
        inventoryAgeMs: ageMsOrNull,
        inventoryTookMs: ageMsOrNull,
        version: textOrNull,
        era: z.nullable(z.enum(['pre-session', 'session'])),
      },
    ),
  },
  {
    address: text,
    port: z.int().check(z.gte(0), z.lte(65_535)),
    apiUrl: text,
    backup: described(flag, 'HAProxy uses it only when no other server is left.'),
    streams: count,
    readers: described(count, 'By protocols other than HLS.'),
    readersByProtocol,
    hlsSessions: described(
      count,
      'HLS viewers as MediaMTX v1.18 and newer counts them; those who came through HAProxy are among `viewers`.',
    ),
    viewers: viewersOrNull,
    control: described(z.nullable(ControlledServer), 'Null where no HAProxy is controlled.'),
    kind: described(serverKind, 'By the backend of haproxy.cfg that it is in.'),
  },
);
const EmptySlot = record(
  { name: text },
  {
    hostName: described(text, 'What HAProxy resolves: a host name or the name of an SRV record.'),
    intent: described(Intent, 'What will be wanted of the next server in the slot.'),
  },
);
export const ServerList = record(
  { servers: list(Server) },
  {
    emptySlots: list(
      EmptySlot,
      'Entries of haproxy.cfg for which no HAProxy has an address, such as unused slots of a `server-template`. They do not count as servers, and are not asked.',
    ),
  },
);
