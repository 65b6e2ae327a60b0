import type { ServerResponse } from 'node:http';
import type { RawHeaders } from '../http';
import type { HlsChild } from './child-token';
import { copyBody } from './copy-body';
import type { OpenSource, SourceFailure } from './provider';
import { failureOf } from './provider-answer';
import { passedOnHeaders } from './vod-answer';

/** What became of an answer that was to be passed on. */
export type PassedOn =
  | { readonly what: 'whole' }
  /** It is a playlist, of which these bytes were read; the player has got nothing. */
  | { readonly what: 'playlist'; readonly begun: Buffer }
  | { readonly what: 'failed'; readonly failure: SourceFailure }
  | { readonly what: 'left' };

export interface PassOnOptions {
  readonly child: HlsChild;
  readonly stallMs: number;
  readonly signal: AbortSignal;
  /** Bytes that go to the player. */
  readonly onBytes: (count: number) => void;
}

/** So many bytes tell a playlist or a page. */
const tellingBytes = 64;
const playlistStart = /^(?:\xef\xbb\xbf)?\s*#EXTM3U/;
const pageStart = /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)/i;

/** Passes on a provider's answer as it comes and as fast as the player reads it, with a head of its own; unless its first bytes tell that it is something else. */
export async function passOn(source: OpenSource, res: ServerResponse, options: PassOnOptions): Promise<PassedOn> {
  const { child, stallMs, signal, onBytes } = options;
  /** Bytes that do not tell yet what they are; undefined once they did. */
  const seen: { head: Buffer | undefined; other: PassedOn | undefined } = { head: Buffer.alloc(0), other: undefined };

  function send(chunk: Buffer): 'more' | 'full' {
    onBytes(chunk.length);
    return res.write(chunk) ? 'more' : 'full';
  }
  function begin(bytes: Buffer): 'more' | 'full' | 'enough' {
    seen.head = undefined;
    seen.other = otherThanMedia(source, child, bytes);
    if (seen.other !== undefined) return 'enough';
    res.writeHead(source.status, [...mediaHead(source, child)]);
    return send(bytes);
  }

  const end = await copyBody(source.body, res, {
    stallTimeoutMs: stallMs,
    signal,
    take(chunk) {
      if (seen.head === undefined) return send(chunk);
      const bytes = Buffer.concat([seen.head, chunk]);
      if (bytes.length >= tellingBytes) return begin(bytes);
      seen.head = bytes;
      return 'more';
    },
  });
  if (signal.aborted) return { what: 'left' };
  if (typeof end === 'object') return { what: 'failed', failure: end };
  // Keys are that short.
  if (seen.head !== undefined) begin(seen.head);
  return seen.other ?? { what: 'whole' };
}

function otherThanMedia({ status }: OpenSource, { kind }: HlsChild, bytes: Buffer): PassedOn | undefined {
  const text = bytes.toString('latin1', 0, 256);
  if (status === 200 && playlistStart.test(text)) return { what: 'playlist', begun: bytes };
  if (pageStart.test(text)) {
    return { what: 'failed', failure: failureOf('type', 'The provider answered with a page instead of a segment.') };
  }
  return status === 200 && bytes.length === 0 && kind !== 'data'
    ? { what: 'failed', failure: failureOf('type', 'The provider answered without a body.') }
    : undefined;
}

const types: ReadonlyMap<string, string> = new Map([
  ['segment', 'video/mp2t'],
  ['part-of', 'video/mp4'],
  ['key', 'application/octet-stream'],
  ['data', 'application/json'],
]);

/** The head of what is passed on: the provider's, with a type where it tells none. */
export function mediaHead({ status, headers }: OpenSource, { kind }: HlsChild): RawHeaders {
  const told = headers['content-type'] ?? '';
  const type = told === '' || (kind === 'segment' && /^text\/(?:html|plain)/i.test(told)) ? types.get(kind) : undefined;
  const length = headers['content-length'];
  return [
    ...passedOnHeaders(headers, type),
    ...(length !== undefined && /^\d{1,15}$/.test(length) && status !== 204 ? ['content-length', length] : []),
    'cache-control',
    kind === 'key' ? 'no-store' : 'private, max-age=60',
    ...everybody,
  ];
}

/** For pages of any site. */
const everybody = ['access-control-allow-origin', '*', 'x-content-type-options', 'nosniff'];
