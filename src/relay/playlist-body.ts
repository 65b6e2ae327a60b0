import { sniffLength, sniffMedia } from './media-sniff';
import type { OpenSource, SourceFailure } from './provider';
import { brokenSource, failureOf, stalledSource } from './provider-answer';
import { createSilence } from './silence';

/** The whole of it is there within so many times of what one piece may take. */
const mostTurns = 4;

export type PlaylistBody =
  | { readonly bytes: Buffer; readonly failure?: undefined }
  | { readonly failure: SourceFailure; readonly bytes?: undefined };

export interface PlaylistBodyOptions {
  /** More is a failure. */
  readonly mostBytes: number;
  /** A body that gives nothing for so long has failed. */
  readonly stallMs: number;
  /** What was read of it before. */
  readonly begun?: Buffer;
}

/** Reads a playlist to its end, and closes its source; as soon as it is known to be none, it is a failure. Never rejects. */
export function readPlaylistBody(
  source: OpenSource,
  { mostBytes, stallMs, begun = Buffer.alloc(0) }: PlaylistBodyOptions,
): Promise<PlaylistBody> {
  const { body } = source;
  return new Promise((resolve) => {
    const type = source.headers['content-type'];
    /** Until they tell what it is. */
    let head: Buffer | undefined = begun;
    const chunks: Buffer[] = [begun];
    let length = begun.length;
    const silence = createSilence(stallMs, () => settle({ failure: stalledSource(stallMs) }));
    // However slowly it comes.
    const late = createSilence(mostTurns * stallMs, () => settle({ failure: stalledSource(mostTurns * stallMs) }));
    function settle(read: PlaylistBody): void {
      silence.stop();
      late.stop();
      source.close();
      resolve(read);
    }
    /** @returns whether it is no playlist. */
    function isOther(bytes: Buffer, isAll: boolean): boolean {
      const kind = sniffMedia(bytes, type, isAll);
      if (kind === 'hls') head = undefined;
      else if (kind !== undefined) {
        const failure = failureOf(
          'type',
          `The provider sent ${kind === 'ts' ? 'a live stream' : 'something'} instead of a playlist.`,
        );
        settle({ failure: kind === 'ts' ? { ...failure, found: 'live' } : failure });
        return true;
      }
      return false;
    }
    function onEnd(): void {
      if (!body.complete) settle({ failure: brokenSource });
      else if (head === undefined || !isOther(head, true)) settle({ bytes: Buffer.concat(chunks) });
    }
    // A body ends even while it is paused, where nothing is left of it.
    if (body.readableEnded) {
      onEnd();
      return;
    }
    body.on('data', (chunk: Buffer) => {
      silence.heard();
      chunks.push(chunk);
      length += chunk.length;
      if (head !== undefined) {
        head = Buffer.concat([head, chunk.subarray(0, sniffLength)]);
        if (isOther(head, false)) return;
      }
      if (length > mostBytes) {
        settle({ failure: failureOf('type', `The provider sent a playlist of more than ${mostBytes} bytes.`) });
      }
    });
    body.once('end', onEnd);
    body.on('error', () => settle({ failure: brokenSource }));
    // Also when it is closed from here.
    body.once('close', () => settle({ failure: brokenSource }));
    body.resume();
  });
}
