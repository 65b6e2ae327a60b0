import { PART_MS, PARTS_A_SEGMENT, SEGMENT_MS } from './clip';
import { childQuery } from './query';
import { type SimVariant, timelineAt } from './timeline';

/** What the playlists of one muxer are made from. */
export interface PlaylistSource {
  readonly variant: SimVariant;
  /** The 12 hexadecimal digits in front of every segment's name. */
  readonly prefix: string;
  /** Wall-clock time of the content's beginning, milliseconds since 1970. */
  readonly originMs: number;
}

/** Bits a second of the leading rendition over the listed segments. */
export interface Bandwidth {
  readonly peak: number;
  readonly average: number;
}

/** Names of the media playlists without `_stream.m3u8`. `main` holds both tracks in MPEG-TS. */
export type Rendition = 'video1' | 'audio2' | 'main';

const CODECS = 'avc1.42c00c,mp4a.40.2';
const seconds = (ms: number) => (ms / 1000).toFixed(5);
const withQuery = (uri: string, query: string) => (query === '' ? uri : `${uri}?${query}`);

/**
 * The master playlist. The query is copied as it is (MediaMTX v1.8.3 and newer). `version` is the EXT-X-VERSION of the
 * fMP4 variants.
 */
export function masterPlaylist(
  source: PlaylistSource,
  version: number,
  bandwidth: Bandwidth,
  rawQuery: string,
): string {
  const streamInf =
    `#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth.peak},AVERAGE-BANDWIDTH=${bandwidth.average}` +
    `,CODECS="${CODECS}",RESOLUTION=320x180,FRAME-RATE=25.000`;
  if (source.variant === 'mpegts') {
    return `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n\n${streamInf}\n${withQuery('main_stream.m3u8', rawQuery)}\n`;
  }
  return (
    `#EXTM3U\n#EXT-X-VERSION:${version}\n#EXT-X-INDEPENDENT-SEGMENTS\n\n` +
    '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio2",AUTOSELECT=YES,DEFAULT=YES' +
    `,URI="${withQuery('audio2_stream.m3u8', rawQuery)}"\n\n` +
    `${streamInf},AUDIO="audio"\n${withQuery('video1_stream.m3u8', rawQuery)}\n`
  );
}

/** Segments whose age is at least this are left out of a delta update. */
const SKIP_BOUNDARY_MS = 6 * SEGMENT_MS;

/** gohlslib shows the time, and the parts, of the last two segments only (in MPEG-TS the time of all). */
const DETAILED_SEGMENTS = 2;

function programDateTime(source: PlaylistSource, contentIndex: number): string {
  return `#EXT-X-PROGRAM-DATE-TIME:${new Date(source.originMs + contentIndex * SEGMENT_MS).toISOString()}\n`;
}

function mpegtsPlaylist(source: PlaylistSource, elapsedMs: number, rawQuery: string): string {
  const timeline = timelineAt('mpegts', elapsedMs);
  let text =
    '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-ALLOW-CACHE:NO\n#EXT-X-TARGETDURATION:1\n' +
    `#EXT-X-MEDIA-SEQUENCE:${timeline.mediaSequence}\n`;
  for (let id = timeline.listedFrom; id < timeline.listedTo; id++) {
    text +=
      `${programDateTime(source, id)}#EXTINF:${seconds(SEGMENT_MS)},\n` +
      `${withQuery(`${source.prefix}_main_seg${id}.ts`, rawQuery)}\n`;
  }
  return text;
}

function partLine(source: PlaylistSource, rendition: Rendition, partIndex: number, query: string): string {
  const isIndependent = rendition === 'audio2' || partIndex % PARTS_A_SEGMENT === 0;
  const uri = withQuery(`${source.prefix}_${rendition}_part${partIndex}.mp4`, query);
  return `#EXT-X-PART:DURATION=${seconds(PART_MS)},URI="${uri}"${isIndependent ? ',INDEPENDENT=YES' : ''}\n`;
}

/**
 * A media playlist `elapsedMs` after the content began. In the fMP4 variants the query is re-encoded and loses its `_HLS_`
 * directives; in MPEG-TS it is copied as it is. `isDelta` asks for a delta update (low latency only).
 */
export function mediaPlaylist(
  source: PlaylistSource,
  rendition: Rendition,
  elapsedMs: number,
  rawQuery: string,
  isDelta = false,
): string {
  if (source.variant === 'mpegts') return mpegtsPlaylist(source, elapsedMs, rawQuery);
  const isLowLatency = source.variant === 'lowLatency';
  const timeline = timelineAt(source.variant, elapsedMs);
  const query = childQuery(rawQuery);
  let text = '#EXTM3U\n#EXT-X-VERSION:10\n#EXT-X-TARGETDURATION:1\n';
  if (isLowLatency) {
    text +=
      `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=${seconds(2.5 * PART_MS)},CAN-SKIP-UNTIL=${seconds(SKIP_BOUNDARY_MS)}\n` +
      `#EXT-X-PART-INF:PART-TARGET=${seconds(PART_MS)}\n`;
  }
  text += `#EXT-X-MEDIA-SEQUENCE:${timeline.mediaSequence}\n`;
  let from = timeline.listedFrom;
  if (isDelta) {
    // Counted from the front, as gohlslib does, until their durations reach the boundary.
    const shown = Math.min(SKIP_BOUNDARY_MS / SEGMENT_MS - 1, timeline.listedTo - from);
    const skipped = timeline.listedTo - from - shown;
    from += skipped;
    text += `#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}\n`;
  } else {
    text += `#EXT-X-MAP:URI="${withQuery(`${source.prefix}_${rendition}_init.mp4`, query)}"\n`;
  }
  for (let id = from; id < timeline.listedTo; id++) {
    const content = id - timeline.firstId;
    if (content < 0) {
      text += `#EXT-X-GAP\n#EXTINF:${seconds(SEGMENT_MS)},\ngap.mp4\n`;
      continue;
    }
    if (timeline.listedTo - id <= DETAILED_SEGMENTS) {
      text += programDateTime(source, content);
      if (isLowLatency) {
        for (let part = 0; part < PARTS_A_SEGMENT; part++) {
          text += partLine(source, rendition, content * PARTS_A_SEGMENT + part, query);
        }
      }
    }
    text += `#EXTINF:${seconds(SEGMENT_MS)},\n${withQuery(`${source.prefix}_${rendition}_seg${id}.mp4`, query)}\n`;
  }
  if (isLowLatency) {
    const firstOpen = timeline.complete * PARTS_A_SEGMENT;
    for (let part = 0; part < timeline.openParts; part++) text += partLine(source, rendition, firstOpen + part, query);
    const next = withQuery(`${source.prefix}_${rendition}_part${firstOpen + timeline.openParts}.mp4`, query);
    text += `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${next}"\n`;
  }
  return text;
}
