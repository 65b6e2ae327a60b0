import { readPlaylist } from '../../../src/hls';
import { type Beginning, createCursor, type ListedSegment, listedSegments } from '../../../src/relay/channel-cursor';

const beginning: Beginning = { seconds: 10, leastSegments: 1, mostSegments: 10 };

/** A list of names with numbers in a row. */
function list(first: number, names: string, times?: number): readonly ListedSegment[] {
  return names.split(' ').map((uri, index) => ({
    sequence: first + index,
    uri,
    durationSeconds: 4,
    title: '',
    byteRange: undefined,
    keys: [],
    map: undefined,
    isDiscontinuity: false,
    isGap: false,
    programDateTimeMs: times === undefined ? undefined : times + index * 4000,
    tags: [],
  }));
}

const day = Date.parse('2026-11-30T12:00:00Z');

/** What is read before, what is listed then, and what is new in it: how it follows, and the names. */
const looks: readonly [string, readonly ListedSegment[], readonly ListedSegment[], string][] = [
  ['nothing new', list(5, 'a b c'), list(5, 'a b c'), 'next'],
  ['one new', list(5, 'a b c'), list(6, 'b c d'), 'next d'],
  ['all new, without a hole', list(5, 'a b c'), list(8, 'd e f'), 'next d e f'],
  ['more than one new', list(5, 'a b c'), list(5, 'a b c d e f'), 'next d e f'],
  ['a hole', list(5, 'a b c'), list(10, 'f g h'), 'hole f g h'],
  ['an empty list', list(5, 'a b c'), [], 'next'],
  ['tokens in the query', list(5, 'a?t=1 b?t=1 c?t=1'), list(6, 'b?t=2 c?t=2 d?t=2'), 'next d?t=2'],
  ['tokens in the path', list(5, '1/a 1/b 1/c'), list(6, '2/b 2/c 2/d'), 'next 2/d'],
  ['an old copy', list(5, 'a b c'), list(4, 'z a b'), 'next'],
  ['an old copy that does not overlap what was read', list(50, 'a b c'), list(3, 'x y z'), 'restarted x y z'],
  ['renumbered, back', list(500, 'a b c'), list(0, 'a b c d e'), 'renumbered d e'],
  ['renumbered, forward', list(5, 'a b c'), list(1000, 'b c d'), 'renumbered d'],
  ['begun anew with other names', list(500, 'a b c'), list(0, 'd e f'), 'restarted d e f'],
  ['begun anew with the same names', list(0, 's0 s1 s2 s3 s4 s5 s6 s7'), list(0, 's0 s1'), 'restarted s0 s1'],
  ['numbers that are far ahead', list(5, 'a b c'), list(1_700_000_000, 'x y z'), 'restarted x y z'],
  ['one name for all', list(500, 'a a a'), list(0, 'a a a'), 'restarted a a a'],
  ['times tell what is new', list(500, 'a b c', day), list(0, 'p q r', day + 8000), 'renumbered q r'],
  ['times tell a hole', list(500, 'a b c', day), list(0, 'p q r', day + 40_000), 'hole p q r'],
  ['times of an old copy', list(500, 'a b c', day), list(490, 'p q r', day - 4000), 'renumbered'],
  ['the same numbers at another time', list(5, 'a b c', day), list(5, 'a b c', day + 60_000), 'hole a b c'],
  ['a clock that is off by a day', list(500, 'a b c', day), list(0, 'p q r', day - 86_400_000), 'restarted p q r'],
  [
    'only what is new of a long list',
    list(5, 'a'),
    list(900_000, 'a b c d e f g h i j k l'),
    'renumbered b c d e f g h i j k l',
  ],
];
test.each(looks)('%s', (_what, before, then, expected) => {
  const cursor = createCursor();
  cursor.read(before, { ...beginning, seconds: 1000 });
  const { segments, follows } = cursor.read(then, { ...beginning, seconds: 1000 });
  expect([follows, ...segments.map(({ uri }) => uri)].join(' ')).toBe(expected);
});

/** How much is wanted of ten segments of 4 s, and what is taken. */
const beginnings: readonly [string, Partial<Beginning>, string][] = [
  ['by seconds', { seconds: 10 }, 'h i j'],
  ['by the least number', { seconds: 1, leastSegments: 5 }, 'f g h i j'],
  ['never more than the most', { seconds: 100, leastSegments: 9, mostSegments: 2 }, 'i j'],
  ['after a time', { seconds: 10, afterMs: day + 20_000 }, 'f g h i j'],
  ['after a time in the first half of a segment', { seconds: 10, afterMs: day + 21_000 }, 'f g h i j'],
  ['after a time in its second half', { seconds: 10, afterMs: day + 23_000 }, 'g h i j'],
  ['after a time that is still to come', { seconds: 10, afterMs: day + 60_000 }, ''],
  ['after a time of another clock', { seconds: 10, afterMs: day + 86_400_000 }, 'h i j'],
];
test.each(beginnings)('a list is begun %s', (_what, wanted, expected) => {
  const { segments } = createCursor().read(list(7, 'a b c d e f g h i j', day), { ...beginning, ...wanted });
  expect(segments.map(({ uri }) => uri).join(' ')).toBe(expected);
});

test('a restart is followed from where it began', () => {
  const cursor = createCursor();
  cursor.read(list(100, 'a b c'), beginning);
  cursor.read(list(0, 'd'), beginning);
  expect(cursor.read(list(0, 'd e'), beginning)).toMatchObject({ follows: 'next', segments: [{ uri: 'e' }] });
});

test('what was seen before the beginning is known: an old copy brings nothing back', () => {
  const cursor = createCursor();
  cursor.read(list(5, 'a b c d e f'), { ...beginning, seconds: 4 });
  expect(cursor.read(list(4, 'z a b c d'), beginning)).toEqual({ follows: 'next', segments: [] });
});

test('segments have numbers, and times between those that are told', async () => {
  const text = [
    '#EXTM3U',
    '#EXT-X-MEDIA-SEQUENCE:7',
    '#EXTINF:2,',
    'a.ts',
    '#EXT-X-PROGRAM-DATE-TIME:2026-11-30T12:00:02Z',
    '#EXTINF:2,',
    'b.ts',
    '#EXTINF:2,',
    'c.ts',
  ].join('\n');
  const { playlist } = await readPlaylist(text);
  if (playlist?.kind !== 'media') throw new Error('it is no media playlist');
  expect(
    listedSegments(playlist).map(({ sequence, programDateTimeMs = 0 }) => [sequence, programDateTimeMs - day]),
  ).toEqual([
    [7, 0],
    [8, 2000],
    [9, 4000],
  ]);
});

test('without times, none are made up', async () => {
  const { playlist } = await readPlaylist('#EXTM3U\n#EXTINF:2,\na.ts\n#EXTINF:2,\nb.ts\n');
  if (playlist?.kind !== 'media') throw new Error('it is no media playlist');
  expect(listedSegments(playlist).map(({ programDateTimeMs }) => programDateTimeMs)).toEqual([undefined, undefined]);
});
