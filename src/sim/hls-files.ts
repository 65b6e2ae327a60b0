import { PART_MS, PARTS_A_SEGMENT } from './clip';
import type { Clock } from './clock';
import { mediaLibrary } from './media-library';
import type { Muxer, Session } from './muxer';
import type { PathTable } from './path-table';
import { masterPlaylist, mediaPlaylist, type Rendition } from './playlist';
import { parseQuery, queryValue } from './query';
import { type Exchange, type HeaderList, reply, replyNotFound } from './reply';
import { contentReadyMs, partReadyMs, type SimVariant, timelineAt } from './timeline';

/** A request for a file of a stream. */
export interface FileRequest extends Exchange {
  /** The name behind the last slash. */
  readonly file: string;
  readonly rawQuery: string;
  /** The query that child URIs carry. */
  readonly childQuery: string;
  /** Whether it came with the CDN's secret. */
  readonly isCdn: boolean;
  /** Who is billed for the bytes, where there are sessions. */
  readonly session?: Session;
  /** Set-Cookie headers that go with a playlist. */
  readonly cookies: HeaderList;
}

/** Which muxers have been idle too long. */
type IdleMuxers = Pick<PathTable, 'idleLeftMs' | 'closeIdleMuxer'>;

const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';
const CONTENT_TYPES: Readonly<Record<Rendition, string>> = {
  main: 'video/mp2t',
  video1: 'video/mp4',
  audio2: 'audio/mp4',
};

/** What a variant consists of, the leading rendition first. */
const RENDITIONS: Readonly<Record<SimVariant, readonly Rendition[]>> = {
  fmp4: ['video1', 'audio2'],
  lowLatency: ['video1', 'audio2'],
  mpegts: ['main'],
};

const MAX_SEGMENT_SECONDS = 3600;
const MAX_MASTER_SECONDS = 30;

/** After so long a waiting request looks again. */
const MAX_WAIT_MS = 3_600_000;

/** Session-era servers forbid caching, except to a CDN. */
function cacheControl({ style, isCdn }: FileRequest, maxAgeSeconds: number | undefined): HeaderList {
  const { sessions } = style.features;
  if (sessions && !isCdn) return ['Cache-Control', 'private, no-cache'];
  if (maxAgeSeconds === undefined) return ['Cache-Control', 'no-cache'];
  return ['Cache-Control', `${sessions ? 'public, ' : ''}max-age=${maxAgeSeconds}`];
}

function bill({ session }: FileRequest, muxer: Muxer, bytes: number): void {
  muxer.bytesSent += bytes;
  if (session) session.bytesSent += bytes;
}

function sendEmpty(request: FileRequest, status: number): void {
  reply(request, status, []);
}

function sendPlaylist(request: FileRequest, muxer: Muxer, maxAgeSeconds: number | undefined, text: string): void {
  bill(request, muxer, Buffer.byteLength(text));
  const headers = [...cacheControl(request, maxAgeSeconds), 'Content-Type', PLAYLIST_TYPE, ...request.cookies];
  reply(request, 200, headers, text);
}

function sendMedia(request: FileRequest, muxer: Muxer, rendition: Rendition, pieces: readonly Buffer[]): void {
  for (const piece of pieces) bill(request, muxer, piece.length);
  const headers = [...cacheControl(request, MAX_SEGMENT_SECONDS), 'Content-Type', CONTENT_TYPES[rendition]];
  reply(request, 200, headers, pieces);
}

/** A name such as `3bd0c9805314_video1_seg7.mp4`, taken apart. */
function parseMediaFile(file: string) {
  const match =
    /^([0-9a-f]{12})_(video1|audio2)_(init|seg|part)(\d{0,15})\.mp4$|^([0-9a-f]{12})_main_seg(\d{1,15})\.ts$/.exec(
      file,
    );
  if (!match) return undefined;
  const [, mp4Prefix, rendition, kind, number, tsPrefix, tsNumber] = match;
  if (tsPrefix !== undefined)
    return { prefix: tsPrefix, rendition: 'main', kind: 'seg', id: Number(tsNumber) } as const;
  if ((kind === 'init') !== (number === '')) return undefined;
  return {
    prefix: mp4Prefix,
    rendition: rendition === 'audio2' ? 'audio2' : 'video1',
    kind: kind === 'init' || kind === 'part' ? kind : 'seg',
    id: Number(number),
  } as const;
}

/** Serves the files of running muxers: playlists, initialization segments, segments, parts (gohlslib's muxer_stream.go). */
export function createFileSender(clock: Clock, paths: IdleMuxers): (request: FileRequest, muxer: Muxer) => void {
  const elapsed = (muxer: Muxer) => clock() - muxer.originMs;

  /**
   * Goes on when the content is `readyMs` old: at once, or later; never if the client leaves. A muxer that closes answers 500, also when it
   * does so because nobody has asked for it since: waiting is no asking.
   */
  function whenReady(request: FileRequest, muxer: Muxer, readyMs: number, goOn: () => void): void {
    const leftMs = readyMs - elapsed(muxer);
    if (muxer.isClosed) {
      sendEmpty(request, 500);
      return;
    }
    if (leftMs <= 0) {
      goOn();
      return;
    }
    const { response } = request;
    const forget = () => {
      clearTimeout(timer);
      muxer.onClose.delete(closed);
      response.off('close', forget);
    };
    const closed = () => {
      forget();
      sendEmpty(request, 500);
    };
    const timer = setTimeout(
      () => {
        paths.closeIdleMuxer(muxer);
        if (muxer.isClosed) return;
        forget();
        whenReady(request, muxer, readyMs, goOn);
      },
      Math.ceil(Math.min(leftMs, Math.max(paths.idleLeftMs(muxer), 0), MAX_WAIT_MS)),
    );
    muxer.onClose.add(closed);
    response.once('close', forget);
  }

  function sendMaster(request: FileRequest, muxer: Muxer): void {
    whenReady(request, muxer, contentReadyMs(muxer.variant), () => {
      const { complete } = timelineAt(muxer.variant, elapsed(muxer));
      const bandwidth = mediaLibrary().bandwidth(muxer.variant, complete);
      const { masterVersion } = request.style.features;
      sendPlaylist(
        request,
        muxer,
        MAX_MASTER_SECONDS,
        masterPlaylist(muxer, masterVersion, bandwidth, request.childQuery),
      );
    });
  }

  function sendNow(request: FileRequest, muxer: Muxer, rendition: Rendition, isDelta: boolean): void {
    // With CDN mode came the permission to keep a playlist for the length of a segment.
    const maxAgeSeconds = request.style.features.cdn && muxer.variant !== 'lowLatency' ? 1 : undefined;
    const text = mediaPlaylist(muxer, rendition, elapsed(muxer), request.childQuery, isDelta);
    sendPlaylist(request, muxer, maxAgeSeconds, text);
  }

  /** `_HLS_msn`, `_HLS_part`, `_HLS_skip` of draft-pantos-hls-rfc8216bis, 6.2.5. */
  function sendLowLatencyPlaylist(request: FileRequest, muxer: Muxer, rendition: Rendition): void {
    const { query } = parseQuery(request.rawQuery);
    const msn = queryValue(query, '_HLS_msn') ?? '';
    const part = queryValue(query, '_HLS_part') ?? '';
    const isDelta = ['YES', 'v2'].includes(queryValue(query, '_HLS_skip') ?? '');
    const isNumber = (text: string) => text === '' || /^\d{1,15}$/.test(text);
    const blockingReload = (): void => {
      const readyMs = partReadyMs(elapsed(muxer), Number(msn), Number(part));
      if (readyMs === 'out of range') sendEmpty(request, 400);
      else if (readyMs <= elapsed(muxer)) sendNow(request, muxer, rendition, isDelta);
      else whenReady(request, muxer, readyMs, blockingReload);
    };
    if (!isNumber(msn) || !isNumber(part) || (msn === '' && part !== '')) sendEmpty(request, 400);
    else if (msn !== '') blockingReload();
    else whenReady(request, muxer, contentReadyMs('lowLatency'), () => sendNow(request, muxer, rendition, isDelta));
  }

  function sendMediaPlaylist(request: FileRequest, muxer: Muxer, rendition: Rendition): void {
    if (muxer.variant === 'lowLatency') sendLowLatencyPlaylist(request, muxer, rendition);
    else whenReady(request, muxer, contentReadyMs(muxer.variant), () => sendNow(request, muxer, rendition, false));
  }

  function sendInit(request: FileRequest, muxer: Muxer, rendition: 'video1' | 'audio2'): void {
    const init = mediaLibrary().init(rendition);
    bill(request, muxer, init.length);
    // To v1.18.0 tracks could change within a stream.
    const maxAgeSeconds = request.style.features.cdn ? MAX_SEGMENT_SECONDS : MAX_MASTER_SECONDS;
    const headers = [...cacheControl(request, maxAgeSeconds), 'Content-Type', CONTENT_TYPES[rendition]];
    reply(request, 200, headers, [init]);
  }

  function sendPart(request: FileRequest, muxer: Muxer, rendition: 'video1' | 'audio2', id: number): void {
    const { complete, openParts, listedFrom, firstId } = timelineAt('lowLatency', elapsed(muxer));
    const next = complete * PARTS_A_SEGMENT + openParts;
    const oldest = Math.max(0, listedFrom - firstId) * PARTS_A_SEGMENT;
    // The next part is announced by a preload hint, and waited for.
    if (id > next || id < oldest || next === 0) {
      replyNotFound(request);
      return;
    }
    whenReady(request, muxer, (id + 1) * PART_MS, () =>
      sendMedia(request, muxer, rendition, mediaLibrary().part(rendition, id)),
    );
  }

  function sendSegment(request: FileRequest, muxer: Muxer, rendition: Rendition, id: number): void {
    const { firstId, listedFrom, listedTo } = timelineAt(muxer.variant, elapsed(muxer));
    const isListed = id >= Math.max(firstId, listedFrom) && id < listedTo;
    if (!isListed) {
      replyNotFound(request);
      return;
    }
    sendMedia(request, muxer, rendition, mediaLibrary().segment(muxer.variant, rendition, id - firstId));
  }

  function sendMediaFile(request: FileRequest, muxer: Muxer): void {
    const media = parseMediaFile(request.file);
    // `gap.mp4` never exists, and before the first segment there is no initialization segment either.
    if (media?.prefix !== muxer.prefix || !RENDITIONS[muxer.variant].includes(media.rendition)) replyNotFound(request);
    else if (media.kind === 'seg') sendSegment(request, muxer, media.rendition, media.id);
    else if (media.kind === 'part' && muxer.variant === 'lowLatency') {
      sendPart(request, muxer, media.rendition, media.id);
    } else if (media.kind === 'init' && timelineAt(muxer.variant, elapsed(muxer)).complete > 0) {
      sendInit(request, muxer, media.rendition);
    } else replyNotFound(request);
  }

  return (request, muxer) => {
    muxer.lastRequestMs = clock();
    const playlist = RENDITIONS[muxer.variant].find((rendition) => request.file === `${rendition}_stream.m3u8`);
    if (request.file === 'index.m3u8') sendMaster(request, muxer);
    else if (playlist) sendMediaPlaylist(request, muxer, playlist);
    else sendMediaFile(request, muxer);
  };
}
