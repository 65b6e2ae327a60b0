import { formatDuration } from '../wire';
import { createDeadline } from './deadline';
import { readPlaylistBody } from './playlist-body';
import type { OpenSource, Provider, SourceFailure, SourceRequest } from './provider';
import { brokenSource, failureOf, stalledSource } from './provider-answer';
import { createSilence } from './silence';

/** A short answer of a provider, read to its end. */
export interface Whole {
  /** In blocks of some size: one block for most answers. */
  readonly blocks: readonly Buffer[];
  /** Where it was found after redirects. */
  readonly url: string;
  readonly failure?: undefined;
}

export interface WholeRequest extends Omit<SourceRequest, 'method' | 'range'> {
  /** The part that is wanted; undefined: all of it. */
  readonly byteRange?: { readonly offset: number; readonly length: number } | undefined;
  /** What it must be; anything if left out. It is a failure as soon as it is known to be something else. */
  readonly isPlaylist?: boolean | undefined;
  /** More is a failure. */
  readonly mostBytes: number;
  /** A body that gives nothing for so long has failed. */
  readonly stallMs: number;
  /** However slowly it comes, it is there by then. */
  readonly withinMs: number;
}

export type Fetched = Whole | { readonly failure: SourceFailure; readonly blocks?: undefined };

/** What comes in small pieces is put together into blocks of this size, so that each player is given few of them. */
const blockBytes = 1024 * 1024;

/** Asks a provider for something that is kept in memory. Never rejects; when the signal was aborted, the failure says `reset`. */
export async function fetchWhole(provider: Pick<Provider, 'open'>, request: WholeRequest): Promise<Fetched> {
  const { url, headers, expects, cookies, signal, byteRange, withinMs } = request;
  const deadline = createDeadline(signal, withinMs);
  try {
    const range = byteRange && { range: `bytes=${byteRange.offset}-${byteRange.offset + byteRange.length - 1}` };
    const opened = await provider.open({
      url,
      method: 'GET',
      headers,
      expects,
      cookies,
      range,
      signal: deadline.signal,
    });
    const fetched = opened.failure === undefined ? await readAll(opened.source, request) : opened;
    if (fetched.failure === undefined || !deadline.isOver) return fetched;
    return { failure: failureOf('stall', `The provider took longer than ${formatDuration(withinMs)}.`) };
  } finally {
    deadline.clear();
  }
}

async function readAll(source: OpenSource, request: WholeRequest): Promise<Fetched> {
  if (request.isPlaylist !== true) return read(source, request);
  const { bytes, failure } = await readPlaylistBody(source, request);
  return failure === undefined ? { blocks: [bytes], url: source.url } : { failure };
}

function read(source: OpenSource, request: WholeRequest): Promise<Fetched> {
  const { byteRange, mostBytes, stallMs } = request;
  const { status, body, url } = source;
  if (status === 416) {
    source.close();
    return Promise.resolve({
      failure: { ...failureOf('status', 'The provider has not got the part that its playlist names.'), status },
    });
  }
  // Who ignores the range sends all of the file: what is in front of the part is passed over, and what is behind it not waited for.
  const skip = byteRange !== undefined && status !== 206 ? byteRange.offset : 0;
  const end = byteRange === undefined ? Infinity : skip + byteRange.length;
  return new Promise((resolve) => {
    const collected = createBlocks();
    let at = 0;
    const silence = createSilence(stallMs, () => settle({ failure: stalledSource(stallMs) }));
    function settle(fetched: Fetched): void {
      silence.stop();
      source.close();
      resolve(fetched);
    }
    function done(): void {
      const isShort = byteRange !== undefined && collected.length < byteRange.length;
      settle(isShort ? { failure: brokenSource } : { blocks: collected.blocks(), url });
    }
    body.on('data', (chunk: Buffer) => {
      silence.heard();
      const piece = chunk.subarray(Math.max(0, skip - at), Math.max(0, Math.min(chunk.length, end - at)));
      at += chunk.length;
      if (piece.length > 0) collected.add(piece);
      if (collected.length > mostBytes) {
        settle({ failure: failureOf('type', `The provider sent more than ${mostBytes} bytes.`) });
      } else if (at >= end) done();
    });
    body.once('end', done);
    body.on('error', () => settle({ failure: brokenSource }));
    body.once('close', () => settle({ failure: brokenSource }));
  });
}

function createBlocks() {
  const full: Buffer[] = [];
  let open: Buffer[] = [];
  let openBytes = 0;
  let length = 0;

  function close(): void {
    if (openBytes > 0) full.push(Buffer.concat(open, openBytes));
    open = [];
    openBytes = 0;
  }

  return {
    add(piece: Buffer): void {
      open.push(piece);
      openBytes += piece.length;
      length += piece.length;
      if (openBytes >= blockBytes) close();
    },
    blocks(): readonly Buffer[] {
      close();
      return full;
    },
    get length(): number {
      return length;
    },
  };
}
