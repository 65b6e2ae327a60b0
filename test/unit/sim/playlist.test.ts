import { masterPlaylist, mediaPlaylist } from '../../../src/sim/playlist';

const source = { prefix: '0123456789ab', originMs: Date.UTC(2026, 10, 21, 9, 13, 21, 709) };

// The recordings check whole playlists at their beginnings; here is what comes later.
it('shows the times of the last two segments in fmp4', () => {
  expect(mediaPlaylist({ ...source, variant: 'fmp4' }, 'audio2', 9000, 'b=1&a=2').split('\n')).toEqual([
    '#EXTM3U',
    '#EXT-X-VERSION:10',
    '#EXT-X-TARGETDURATION:1',
    '#EXT-X-MEDIA-SEQUENCE:2',
    '#EXT-X-MAP:URI="0123456789ab_audio2_init.mp4?a=2&b=1"',
    ...[2, 3, 4, 5, 6].flatMap((id) => ['#EXTINF:1.00000,', `0123456789ab_audio2_seg${id}.mp4?a=2&b=1`]),
    '#EXT-X-PROGRAM-DATE-TIME:2026-11-21T09:13:28.709Z',
    '#EXTINF:1.00000,',
    '0123456789ab_audio2_seg7.mp4?a=2&b=1',
    '#EXT-X-PROGRAM-DATE-TIME:2026-11-21T09:13:29.709Z',
    '#EXTINF:1.00000,',
    '0123456789ab_audio2_seg8.mp4?a=2&b=1',
    '',
  ]);
});

it('shows the parts of the last two segments in low latency, and marks the independent ones', () => {
  const text = mediaPlaylist({ ...source, variant: 'lowLatency' }, 'video1', 10_400, '');
  expect(text).not.toContain('gap.mp4');
  const parts = [...text.matchAll(/_part(\d+)\.mp4"(,INDEPENDENT=YES)?/g)].map((match) => [
    Number(match[1]),
    match[2] !== undefined,
  ]);
  // Segments 15 and 16 (content 8 and 9), two open parts, and the preload hint.
  expect(parts).toEqual(Array.from({ length: 13 }, (_, index) => [40 + index, index < 12 && index % 5 === 0]));
  expect(text).toContain('#EXT-X-PRELOAD-HINT:TYPE=PART,URI="0123456789ab_video1_part52.mp4"\n');
  const audio = mediaPlaylist({ ...source, variant: 'lowLatency' }, 'audio2', 10_400, '');
  expect(audio.match(/INDEPENDENT=YES/g)).toHaveLength(12);
});

it('hides the two oldest segments of a delta update', () => {
  const text = mediaPlaylist({ ...source, variant: 'lowLatency' }, 'video1', 10_400, '', true);
  expect(text).toContain('#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n');
  expect(text.match(/#EXTINF/g)).toHaveLength(5);
});

it('copies the query into a master playlist as it is', () => {
  const text = masterPlaylist({ ...source, variant: 'fmp4' }, 9, { peak: 2, average: 1 }, 'b=1&a=%zz');
  expect(text).toContain('#EXT-X-VERSION:9\n');
  expect(text).toContain('BANDWIDTH=2,AVERAGE-BANDWIDTH=1,');
  expect(text.match(/_stream\.m3u8\?b=1&a=%zz/g)).toHaveLength(2);
});
