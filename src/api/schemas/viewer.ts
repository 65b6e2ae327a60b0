import {
  count,
  countOrNull,
  described,
  flag,
  list,
  mostOnPage,
  nextPage,
  record,
  seconds,
  text,
  textOrNull,
  time,
} from './kinds';
import { readersByProtocol } from './stream';

/** How many streams are counted in an answer at most: those that most watch. */
export const mostStreamsCounted = 100;

/** How many view something, and did at most. */
const viewers = { viewers: count };
const peaks = {
  peak: described(count, 'The most at any one time.'),
  peakAt: described(textOrNull, 'RFC 3339: when that many were first reached; null when there never was a viewer.'),
};
const counted = record(viewers, { name: text, ...peaks });

export const Viewer = record(
  {
    stream: text,
    session: described(
      text,
      'Tells this play of the stream from others; a pseudonym where it is an address, unless viewers.addresses is set.',
    ),
  },
  {
    server: described(textOrNull, 'The server that the session is bound to.'),
    node: described(text, 'The HAProxy that it used last.'),
    joined: time,
    lastSeen: time,
    watchedSeconds: described(seconds, 'From the first to the last request.'),
    bytes: described(countOrNull, 'Sent to it since it joined; null where HAProxy does not count them.'),
    certain: described(flag, 'False while its HAProxy is out of reach.'),
  },
  'One play of one stream by one player, over all HAProxys.',
);
export const ViewerList = record(
  {
    total: record(viewers, peaks, 'All viewers, whether asked for or not.'),
    streams: list(
      counted,
      'The most watched ones first; with `stream`, only that one. Peaks are remembered for a while after the last viewer left.',
      mostStreamsCounted,
    ),
    servers: list(counted, 'With `server`, only that one.'),
    nodes: list(
      record(viewers, { name: text, ...peaks, up: described(flag, 'Whether the agent hears from it now.') }),
      'By HAProxy.',
    ),
    viewers: list(Viewer, 'In no particular order; a viewer who stays is listed once.', mostOnPage),
  },
  { readers: readersByProtocol, next: nextPage },
);
