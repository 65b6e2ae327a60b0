import { type MasterPlaylist, type MediaPlaylist, readPlaylist, type Segment } from '../../../src/hls';

async function media(...lines: readonly string[]): Promise<MediaPlaylist> {
  const { playlist } = await readPlaylist(['#EXTM3U', ...lines].join('\n'));
  if (playlist?.kind !== 'media') throw new Error('no media playlist');
  return playlist;
}

async function faults(...lines: readonly string[]) {
  return (await readPlaylist(['#EXTM3U', ...lines].join('\n'))).faults;
}

const plain: Omit<Segment, 'uri' | 'durationSeconds'> = {
  title: '',
  byteRange: undefined,
  keys: [],
  map: undefined,
  isDiscontinuity: false,
  isGap: false,
  programDateTimeMs: undefined,
  tags: [],
};

describe('reading a media playlist', () => {
  it('reads what it says of itself and of its segments', async () => {
    const playlist = await media(
      '#EXT-X-VERSION:7',
      '#EXT-X-TARGETDURATION:6',
      '#EXT-X-MEDIA-SEQUENCE:41',
      '#EXT-X-DISCONTINUITY-SEQUENCE:3',
      '#EXT-X-PLAYLIST-TYPE:EVENT',
      '#EXT-X-INDEPENDENT-SEGMENTS',
      '#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z',
      '#EXTINF:5.005,first, of two',
      'a.ts',
      '#EXT-X-DISCONTINUITY',
      '#EXT-X-CUE-OUT:30',
      '#EXT-X-GAP',
      '#EXTINF:6',
      '  b.ts  ',
      '#EXT-X-ENDLIST',
    );
    expect(playlist).toEqual({
      kind: 'media',
      version: 7,
      targetDurationSeconds: 6,
      mediaSequence: 41,
      discontinuitySequence: 3,
      type: 'EVENT',
      isEnded: true,
      isIndependent: true,
      segments: [
        {
          ...plain,
          uri: 'a.ts',
          durationSeconds: 5.005,
          title: 'first, of two',
          programDateTimeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
        },
        { ...plain, uri: 'b.ts', durationSeconds: 6, isDiscontinuity: true, isGap: true, tags: ['#EXT-X-CUE-OUT:30'] },
      ],
    });
  });

  it('resolves byte ranges that have no offset', async () => {
    const { segments } = await media(
      '#EXT-X-MAP:URI="a.mp4",BYTERANGE="700"',
      '#EXT-X-BYTERANGE:100@700',
      'a.mp4',
      '#EXT-X-BYTERANGE:50',
      'a.mp4',
      '#EXT-X-BYTERANGE:50',
      'a.mp4',
      'b.mp4',
    );
    expect(segments.map(({ byteRange }) => byteRange)).toEqual([
      { offset: 700, length: 100 },
      { offset: 800, length: 50 },
      { offset: 850, length: 50 },
      undefined,
    ]);
    expect(segments.map(({ map }) => map?.byteRange)).toEqual(Array(4).fill({ offset: 0, length: 700 }));
  });

  it('knows the keys of each segment and of each init segment', async () => {
    const { segments } = await media(
      '#EXT-X-MAP:URI="clear"',
      '#EXT-X-KEY:METHOD=AES-128,URI="k1",IV=0x0A',
      '1',
      '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k2",KEYFORMAT="com.example",KEYFORMATVERSIONS="1/2"',
      '#EXT-X-MAP:URI="encrypted"',
      '2',
      '#EXT-X-KEY:METHOD=AES-128,URI="k3",KEYFORMAT="identity"',
      '3',
      '#EXT-X-KEY:METHOD=NONE',
      '4',
    );
    const first = { method: 'AES-128', uri: 'k1', iv: '0x0A', keyFormat: undefined, keyFormatVersions: undefined };
    const second = {
      ...first,
      method: 'SAMPLE-AES',
      uri: 'k2',
      iv: undefined,
      keyFormat: 'com.example',
      keyFormatVersions: '1/2',
    };
    expect(segments[0]).toMatchObject({ keys: [first], map: { uri: 'clear', keys: [] } });
    expect(segments[1]).toMatchObject({ keys: [first, second], map: { uri: 'encrypted', keys: [first, second] } });
    expect(segments[2]?.keys.map(({ uri }) => uri)).toEqual(['k2', 'k3']);
    expect(segments[3]?.keys).toEqual([]);
  });

  it.each([
    ['2026-01-02T03:04:05Z', Date.UTC(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02T03:04:05.5+01:00', Date.UTC(2026, 0, 2, 2, 4, 5, 500)],
    ['2026-01-02T03:04:05+0100', Date.UTC(2026, 0, 2, 2, 4, 5)],
    ['2026-01-02T03:04:05-01', Date.UTC(2026, 0, 2, 4, 4, 5)],
    ['tomorrow', undefined],
  ])('reads the time %s', async (text, ms) => {
    const { segments } = await media(`#EXT-X-PROGRAM-DATE-TIME:${text}`, 'a');
    expect(segments[0]?.programDateTimeMs).toBe(ms);
  });

  it('leaves out what says something of the playlist, not of a segment', async () => {
    const { segments } = await media(
      '#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES',
      '#EXT-X-PART-INF:PART-TARGET=1',
      '#EXT-X-PART:URI="p"',
      '#EXT-X-ODD',
      'a',
    );
    expect(segments[0]?.tags).toEqual(['#EXT-X-ODD']);
  });

  it('goes on after an early end of the list', async () => {
    const { isEnded, segments } = await media('a', '#EXT-X-ENDLIST', 'b');
    expect(isEnded).toBe(true);
    expect(segments).toHaveLength(2);
  });

  it.each<[name: string, line: string, fault: RegExp, read: Partial<MediaPlaylist>]>([
    ['a negative media sequence', '#EXT-X-MEDIA-SEQUENCE:-11', /negative/, { mediaSequence: -11 }],
    ['a media sequence beyond 2^52', '#EXT-X-MEDIA-SEQUENCE:4503599627370501', /too large/, { mediaSequence: 5 }],
    ['a media sequence that is none', '#EXT-X-MEDIA-SEQUENCE:a', /no number/, { mediaSequence: 0 }],
    ['no target duration', '#EXT-X-TARGETDURATION:0', /target duration/, { targetDurationSeconds: 3 }],
    ['a target duration beyond a day', '#EXT-X-TARGETDURATION:86401', /target duration/, { targetDurationSeconds: 3 }],
    ['a strange type', '#EXT-X-PLAYLIST-TYPE:LIVE', /VOD nor EVENT/, { type: undefined }],
    ['a strange version', '#EXT-X-VERSION:x', /version/, { version: 1 }],
    [
      'a strange discontinuity sequence',
      '#EXT-X-DISCONTINUITY-SEQUENCE:-1',
      /discontinuity/,
      { discontinuitySequence: 0 },
    ],
  ])('passes over %s, and says so', async (_name, line, fault, read) => {
    const text = ['#EXTM3U', '', line, '#EXTINF:2.5,', 'a'].join('\n');
    const { playlist, faults: found } = await readPlaylist(text);
    expect(found).toEqual([{ line: 3, reason: expect.stringMatching(fault) }]);
    expect(playlist).toMatchObject(read);
  });

  it('takes the second of two media sequences', async () => {
    expect(await media('#EXT-X-MEDIA-SEQUENCE:1', '#EXT-X-MEDIA-SEQUENCE:11', 'a')).toMatchObject({
      mediaSequence: 11,
    });
    expect(await faults('#EXT-X-MEDIA-SEQUENCE:1', '#EXT-X-MEDIA-SEQUENCE:11')).toEqual([
      { line: 3, reason: 'The media sequence is told a second time.' },
    ]);
  });

  it.each([
    ['no duration', '#EXTINF:', 0],
    ['a duration of zero', '#EXTINF:0,', 0],
    ['a negative duration', '#EXTINF:-1,', 0],
    ['a duration that is no number', '#EXTINF:5s,', 0],
    ['a duration beyond a day', '#EXTINF:1e9,', 0],
  ])('keeps a segment with %s', async (_name, line, seconds) => {
    expect((await media(line, 'a')).segments[0]).toMatchObject({ uri: 'a', durationSeconds: seconds });
    expect(await faults(line, 'a')).toEqual([{ line: 2, reason: 'The segment has no duration.' }]);
  });

  it('reads a duration with attributes behind it', async () => {
    const { segments } = await media('#EXTINF:5.5 tvg-id="a",News, and more', 'a');
    expect(segments[0]).toMatchObject({ durationSeconds: 5.5, title: 'News, and more' });
  });

  it.each([
    ['#EXT-X-KEY:URI="k"', 'The key has no method.'],
    ['#EXT-X-KEY:METHOD=AES-128', 'The key has no URI.'],
    ['#EXT-X-MAP:BYTERANGE="1@2"', 'The init segment has no URI.'],
    ['#EXT-X-MAP:URI="m",BYTERANGE="x"', 'The byte range is wrong.'],
    ['#EXT-X-BYTERANGE:1@', 'The byte range is wrong.'],
    ['#EXT-X-PROGRAM-DATE-TIME:x', 'The date and time are wrong.'],
    ['#EXT-X-DEFINE:NAME="?",VALUE="x"', 'The variable has no valid name.'],
    ['#EXT-X-DEFINE:IMPORT="x"', 'The variable has no value.'],
  ])('tells the fault of %s', async (line, reason) => {
    expect(await faults(line, 'a')).toEqual([{ line: 2, reason }]);
  });

  it('keeps the place of a segment whose variable is not defined', async () => {
    const text = '#EXTM3U\na\n{$b}\nc';
    const { playlist, faults: found } = await readPlaylist(text);
    expect(found).toEqual([{ line: 3, reason: 'A variable is not defined.' }]);
    expect(playlist).toMatchObject({ segments: [{ uri: 'a' }, { uri: '', isGap: true }, { uri: 'c', isGap: false }] });
  });

  it.each<[name: string, text: string, line: number | undefined]>([
    ['no header', '\n\na.ts', 3],
    ['nothing', '', 1],
    ['a page', '<!doctype html>', 1],
    ['2 MB and more', `#EXTM3U\n${'#'.repeat(2 * 1024 * 1024)}`, undefined],
    ['more than 20,000 segments', `#EXTM3U\n${'a\n'.repeat(20_001)}`, 20_002],
    ['a line that is too long', `#EXTM3U\n${'a'.repeat(65_537)}`, 2],
  ])('makes nothing of %s', async (_name, text, line) => {
    const { playlist, faults: found } = await readPlaylist(text);
    expect(playlist).toBeUndefined();
    expect(found).toEqual([{ line, reason: expect.any(String) }]);
  });

  it('tells a hundred faults of many', async () => {
    expect(await faults(...Array<string>(1000).fill('#EXTINF:'))).toHaveLength(100);
  });
});

describe('reading a master playlist', () => {
  it('reads variants, renditions and variables', async () => {
    const { playlist, faults: found } = await readPlaylist(
      [
        '\ufeff#EXTM3U',
        '#EXT-X-VERSION:4',
        '#EXT-X-DEFINE:QUERYPARAM="q"',
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x, y",URI="a.m3u8?{$q}"',
        '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="c"',
        '#EXT-X-STREAM-INF:BANDWIDTH=1000000,CODECS="avc1,mp4a", AUDIO="a"',
        '# a comment',
        'low.m3u8',
        '#EXT-X-STREAM-INF:BANDWIDTH=2',
        '{$q}.m3u8',
      ].join('\r\n'),
      { url: 'http://h/?q=1' },
    );
    expect(found).toEqual([]);
    expect(playlist).toEqual({
      kind: 'master',
      version: 4,
      variables: new Map([['q', '1']]),
      renditions: [
        {
          uri: 'a.m3u8?1',
          attributes: new Map([
            ['TYPE', 'AUDIO'],
            ['GROUP-ID', 'a'],
            ['NAME', 'x, y'],
            ['URI', 'a.m3u8?1'],
          ]),
        },
        {
          uri: undefined,
          attributes: new Map([
            ['TYPE', 'CLOSED-CAPTIONS'],
            ['GROUP-ID', 'c'],
          ]),
        },
      ],
      variants: [
        {
          uri: 'low.m3u8',
          attributes: new Map([
            ['BANDWIDTH', '1000000'],
            ['CODECS', 'avc1,mp4a'],
            ['AUDIO', 'a'],
          ]),
        },
        { uri: '1.m3u8', attributes: new Map([['BANDWIDTH', '2']]) },
      ],
    } satisfies MasterPlaylist);
  });
});
