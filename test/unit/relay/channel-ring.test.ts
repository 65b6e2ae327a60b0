import { masterPlaylistOf, mediaPlaylistOf, withQuery } from '../../../src/relay/channel-playlist';
import { type ChannelRingOptions, createChannelRing, type SegmentDraft } from '../../../src/relay/channel-ring';
import { transportStream } from '../../../src/relay/segment-kind';

function draft(bytes: number, more: Partial<SegmentDraft> = {}): SegmentDraft {
  return { bytes: [Buffer.alloc(bytes)], kind: transportStream, durationSeconds: 2, isDiscontinuity: false, ...more };
}

function ringOf(limits: ReturnType<ChannelRingOptions['limits']>) {
  return createChannelRing({ firstNumber: 7, limits: () => limits });
}

test('numbers go on, and the oldest segments go where there are too many', () => {
  const ring = ringOf({ segments: 3, bytes: 1000 });
  for (let i = 0; i < 5; i++) ring.push(draft(10));
  expect(ring.segments.map(({ number }) => number)).toEqual([9, 10, 11]);
  expect([ring.at(8), ring.at(9)?.number, ring.at(11)?.number, ring.at(12)]).toEqual([undefined, 9, 11, undefined]);
  expect(ring.bytes).toBe(30);
});

test('or too many bytes; the newest stays', () => {
  const ring = ringOf({ segments: 100, bytes: 100 });
  for (let i = 0; i < 5; i++) ring.push(draft(40));
  expect([ring.segments.length, ring.bytes]).toEqual([2, 80]);
  ring.push(draft(5000));
  expect([ring.segments.length, ring.bytes]).toEqual([1, 5000]);
});

test('limits may change', () => {
  const limits = { segments: 5, bytes: 1000 };
  const ring = createChannelRing({ firstNumber: 0, limits: () => limits });
  for (let i = 0; i < 5; i++) ring.push(draft(1));
  limits.segments = 2;
  ring.push(draft(1));
  expect(ring.segments.map(({ number }) => number)).toEqual([4, 5]);
});

test('no number that was never given is a segment', () => {
  const ring = ringOf({ segments: 3, bytes: 1000 });
  expect(ring.at(0)).toBeUndefined();
  ring.push(draft(1));
  for (const number of [-1, 6, 7.5, NaN, Infinity]) expect(ring.at(number)).toBeUndefined();
});

test('a discontinuity in front of the first listed segment counts as one of the list', () => {
  const ring = ringOf({ segments: 10, bytes: 1000 });
  ring.push(draft(1, { isDiscontinuity: true }));
  ring.push(draft(1));
  ring.push(draft(1, { isDiscontinuity: true }));
  ring.push(draft(1));
  const listed = (windowSize: number) => mediaPlaylistOf(ring, { prefix: '', windowSize, isEnded: false });
  expect(listed(4)).not.toContain('DISCONTINUITY-SEQUENCE');
  expect(listed(4).match(/#EXT-X-DISCONTINUITY\n/g)).toHaveLength(1);
  expect(listed(2)).toContain('MEDIA-SEQUENCE:9\n#EXT-X-DISCONTINUITY\n');
  expect(listed(1)).toContain('MEDIA-SEQUENCE:10\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXTINF');
});

test('each player has its query at every URI', () => {
  const ring = ringOf({ segments: 10, bytes: 1000 });
  const secret = { kind: 'key', number: 1, bytes: Buffer.alloc(16) } as const;
  const key = { method: 'AES-128', uri: 'k', iv: '0x01', keyFormat: undefined, keyFormatVersions: undefined };
  ring.push(
    draft(1, {
      kind: { extension: 'm4s', contentType: 'video/mp4' },
      map: { init: { kind: 'init', number: 2, bytes: Buffer.from('init') }, keys: [] },
      keys: [{ key, secret }],
      tags: ['#EXT-X-CUE-OUT:30'],
      programDateTimeMs: 0,
    }),
  );
  expect(withQuery(mediaPlaylistOf(ring, { prefix: 'audio-0/', windowSize: 6, isEnded: true }), '?mtxs=t')).toBe(
    [
      '#EXTM3U',
      '#EXT-X-VERSION:6',
      '#EXT-X-TARGETDURATION:2',
      '#EXT-X-MEDIA-SEQUENCE:7',
      '#EXT-X-MAP:URI="segment/audio-0/2.mp4?mtxs=t"',
      '#EXT-X-KEY:METHOD=AES-128,URI="segment/audio-0/1.key?mtxs=t",IV=0x01',
      '#EXT-X-CUE-OUT:30',
      '#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z',
      '#EXTINF:2.000,',
      'segment/audio-0/7.m4s?mtxs=t',
      '#EXT-X-ENDLIST',
      '',
    ].join('\n'),
  );
  expect([ring.companion(1)?.kind, ring.companion(2)?.kind, ring.companion(7)]).toEqual(['key', 'init', undefined]);
});

test('of a master playlist known attributes are passed on, and no URI of the provider', () => {
  const text = masterPlaylistOf({
    attributes: new Map([
      ['CODECS', 'avc1'],
      ['CLOSED-CAPTIONS', 'NONE'],
      ['X-HOST', 'geheim'],
    ]),
    renditions: [
      {
        attributes: new Map([
          ['TYPE', 'CLOSED-CAPTIONS'],
          ['URI', 'http://geheim/'],
          ['__proto__', 'x'],
        ]),
        playlist: undefined,
      },
    ],
    playlist: 'main.m3u8',
    bandwidth: 0.5,
  });
  expect(withQuery(text, '?q')).toBe(
    '#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS\n#EXT-X-STREAM-INF:CODECS="avc1",CLOSED-CAPTIONS=NONE,BANDWIDTH=1\nmain.m3u8?q\n',
  );
});
