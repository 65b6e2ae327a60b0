import { readPlaylist, type SegmentKey, type SegmentToWrite, writeMediaPlaylist } from '../../../src/hls';

const head = { version: 3, targetDuration: 6, mediaSequence: 7, discontinuitySequence: 0, ended: false };
const key: SegmentKey = { method: 'AES-128', uri: 'k', iv: '0x01', keyFormat: undefined, keyFormatVersions: undefined };
const other = { ...key, uri: 'o', iv: undefined, keyFormat: 'com.example', keyFormatVersions: '1' };
const map = { uri: 'i.mp4', byteRange: undefined, keys: [] };

function written(...segments: readonly SegmentToWrite[]): string {
  return writeMediaPlaylist({ ...head, segments });
}

/** What stands behind the head. */
function lines(...segments: readonly SegmentToWrite[]): readonly string[] {
  return written(...segments)
    .trimEnd()
    .split('\n')
    .slice(4);
}

describe('writing a media playlist', () => {
  it('writes a live one', () => {
    expect(written({ uri: 'a.ts', durationSeconds: 4 }, { uri: 'b.ts', durationSeconds: 5.0050001 })).toBe(
      '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:4.000,\na.ts\n#EXTINF:5.005,\nb.ts\n',
    );
  });

  it('says that it has ended, and what went before', () => {
    const text = writeMediaPlaylist({ ...head, discontinuitySequence: 2, ended: true, segments: [] });
    expect(text).toBe(
      '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DISCONTINUITY-SEQUENCE:2\n#EXT-X-ENDLIST\n',
    );
  });

  it('writes everything that a segment may have', () => {
    const programDateTimeMs = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
    const byteRange = { offset: 10, length: 20 };
    const tags = ['#EXT-X-CUE-IN'];
    expect(
      lines({
        uri: 'a',
        durationSeconds: 1.001333,
        title: 't',
        isDiscontinuity: true,
        isGap: true,
        programDateTimeMs,
        byteRange,
        tags,
      }),
    ).toEqual([
      '#EXT-X-DISCONTINUITY',
      '#EXT-X-CUE-IN',
      '#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.006Z',
      '#EXT-X-GAP',
      '#EXTINF:1.001333,t',
      '#EXT-X-BYTERANGE:20@10',
      'a',
    ]);
  });

  it('names keys and init segments where they change', () => {
    const duration = { durationSeconds: 1 };
    expect(
      lines(
        { ...duration, uri: '1', map },
        { ...duration, uri: '2', map, keys: [key, other] },
        { ...duration, uri: '3', map: { ...map, byteRange: { offset: 0, length: 9 }, keys: [key] }, keys: [key] },
        { ...duration, uri: '4', map: { ...map, byteRange: { offset: 0, length: 9 }, keys: [key] } },
      ).filter((line) => !line.startsWith('#EXTINF')),
    ).toEqual(
      [
        '#EXT-X-MAP:URI="i.mp4"',
        '1',
        '#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x01\n#EXT-X-KEY:METHOD=AES-128,URI="o",KEYFORMAT="com.example",KEYFORMATVERSIONS="1"',
        '2',
        '#EXT-X-KEY:METHOD=NONE',
        '#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x01',
        '#EXT-X-MAP:URI="i.mp4",BYTERANGE="9@0"',
        '3',
        '#EXT-X-KEY:METHOD=NONE',
        '4',
      ].flatMap((line) => line.split('\n')),
    );
  });

  it.each<[version: number, segment: Partial<SegmentToWrite>]>([
    [3, {}],
    [4, { byteRange: { offset: 0, length: 1 } }],
    [5, { keys: [other] }],
    [6, { map }],
    [8, { isGap: true }],
  ])('says version %d where it is needed', (version, segment) => {
    expect(written({ uri: 'a', durationSeconds: 1, ...segment })).toContain(`#EXT-X-VERSION:${version}\n`);
  });

  it('writes what reading gives back', async () => {
    const text = written(
      { uri: 'a', durationSeconds: 1.5, title: 'x', map, keys: [key] },
      {
        uri: 'b',
        durationSeconds: 2,
        isDiscontinuity: true,
        byteRange: { offset: 5, length: 6 },
        map,
        keys: [key, other],
      },
      { uri: 'c', durationSeconds: 2, map, keys: [] },
    );
    const { playlist, faults } = await readPlaylist(text);
    expect(faults).toEqual([]);
    if (playlist?.kind !== 'media') throw new Error('no media playlist');
    const { version, mediaSequence, discontinuitySequence, segments } = playlist;
    expect(writeMediaPlaylist({ ...head, version, mediaSequence, discontinuitySequence, segments })).toBe(text);
    expect(segments.map(({ keys }) => keys.length)).toEqual([1, 2, 0]);
  });
});
