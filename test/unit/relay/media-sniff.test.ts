import fc from 'fast-check';
import { type MediaKind, sniffLength, sniffMedia } from '../../../src/relay/media-sniff';

/** Packets with bytes in them that no text has. */
function packets(count: number): Buffer {
  return Buffer.from(Array.from({ length: count * 188 }, (_, index) => (index % 188 === 0 ? 0x47 : index % 7)));
}

const warning =
  '<br />\n<b>Warning</b>: Undefined variable $GET in <b>/var/www/index.php</b> on line <b>47</b><br />\n';
const mp4 = Buffer.concat([Buffer.from([0, 0, 0, 0x20]), Buffer.from('ftypisom'), Buffer.alloc(2000, 1)]);

it.each<[string, Buffer | string, string | undefined, MediaKind]>([
  ['packets', packets(2), 'video/mp2t', 'ts'],
  ['packets of no type', packets(2), undefined, 'ts'],
  ['packets that say they are a page', packets(2), 'text/html', 'ts'],
  ['packets that say they are a playlist', packets(2), 'application/vnd.apple.mpegurl', 'ts'],
  ['packets behind a warning', Buffer.concat([Buffer.from(warning), packets(3)]), 'video/mp2t', 'ts'],
  ['packets behind the end of one', packets(6).subarray(100), 'video/mp2t', 'ts'],
  ['packets behind a sync byte that is none', Buffer.concat([Buffer.from('G'), packets(4)]), 'video/mp2t', 'ts'],
  ['a playlist', '#EXTM3U\n#EXTINF:4,\na.ts\n', 'video/mp2t', 'hls'],
  ['a playlist with a byte order mark', '\ufeff\r\n#EXTM3U\n', undefined, 'hls'],
  ['a page', `<!doctype html>${'a'.repeat(3000)}`, undefined, 'text'],
  ['a page that is said to be one', '<html>', 'text/html', 'text'],
  ['a text of many bytes', 'Zugang gesperrt – für immer. '.repeat(100), undefined, 'text'],
  ['JSON', `{"error":"${'x'.repeat(2100)}"}`, 'video/mp2t', 'text'],
  ['a file', mp4, 'video/mp4', 'other'],
  ['zeros', Buffer.alloc(600), undefined, 'other'],
  ['text, and then no packets', Buffer.concat([Buffer.from(warning), Buffer.alloc(3000)]), undefined, 'other'],
])('is told: %s', (_name, bytes, contentType, kind) => {
  expect(sniffMedia(Buffer.from(bytes), contentType)).toBe(kind);
});

it.each<[string, Buffer | string, MediaKind]>([
  ['nothing', '', 'other'],
  ['one packet', packets(1), 'other'],
  ['some letters', 'Expired', 'text'],
  ['the beginning of a playlist', '#EXT', 'text'],
  ['a few bytes', Buffer.from([0x47, 0]), 'other'],
])('waits for more of %s, and says what it is when there is no more', (_name, bytes, kind) => {
  expect(sniffMedia(Buffer.from(bytes), undefined)).toBeUndefined();
  expect(sniffMedia(Buffer.from(bytes), undefined, true)).toBe(kind);
});

it('waits no longer than it must for packets', () => {
  const bytes = packets(2);
  expect(sniffMedia(bytes.subarray(0, 188), 'video/mp2t')).toBeUndefined();
  expect(sniffMedia(bytes.subarray(0, 189), 'video/mp2t')).toBe('ts');
});

it('always knows after so many bytes, and knew nothing else before', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 900 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ maxLength: 900 }).map((text) => Buffer.from(text)),
    fc.nat(6).map(packets),
    fc.constant(Buffer.from('#EXTM3U\n')),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
      const bytes = Buffer.concat([...pieces, Buffer.alloc(sniffLength)]);
      const last = sniffMedia(bytes, undefined);
      expect(last).toBeDefined();
      expect(sniffMedia(bytes.subarray(0, sniffLength), undefined)).toBe(last);
    }),
  );
});
