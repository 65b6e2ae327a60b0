/** One line of a playlist, without its end. */
export interface Line {
  /** Without white space around it: what stands at `start`, up to `end`. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** The first line is 1. */
  readonly number: number;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * The lines of a playlist, empty ones too, in one pass. They end by LF, CRLF or CR; a byte order mark in front of the first one is not its, be it read as a
 * character or as three bytes.
 */
export function* linesOf(playlist: string): Generator<Line> {
  let at = playlist.startsWith('\u00ef\u00bb\u00bf') ? 3 : playlist.startsWith('\ufeff') ? 1 : 0;
  let number = 0;
  let feed = playlist.indexOf('\n', at);
  let back = playlist.indexOf('\r', at);
  while (at < playlist.length) {
    number++;
    // Each is looked for again only when it was passed: a playlist without any of them is not searched for it at each line.
    if (feed !== -1 && feed < at) feed = playlist.indexOf('\n', at);
    if (back !== -1 && back < at) back = playlist.indexOf('\r', at);
    let stop = feed === -1 ? playlist.length : feed;
    if (back !== -1 && back < stop) stop = back;
    let start = at;
    let end = stop;
    while (start < end && isSpace(playlist.charCodeAt(start))) start++;
    while (end > start && isSpace(playlist.charCodeAt(end - 1))) end--;
    yield { text: playlist.slice(start, end), start, end, number };
    const isPair = playlist.charCodeAt(stop) === carriageReturn && playlist.charCodeAt(stop + 1) === lineFeed;
    at = stop + (isPair ? 2 : 1);
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** `#EXT-X-KEY:METHOD=NONE` is the tag `EXT-X-KEY`, whose value begins at 11; undefined for what is no tag. */
export function tagOf(text: string): { readonly tag: string; readonly valueAt: number } | undefined {
  if (!text.startsWith('#EXT')) return undefined;
  const colon = text.indexOf(':');
  return colon === -1
    ? { tag: text.slice(1), valueAt: text.length }
    : { tag: text.slice(1, colon), valueAt: colon + 1 };
}
