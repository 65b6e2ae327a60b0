import { segmentKindOf } from '../../../src/relay/segment-kind';
import { namedSegment } from '../../support/hls-provider';

const plain = { uri: 'x', isEncrypted: false, hasInit: false };

/** What a segment begins with, what is known of it, and the extension that it gets. */
const segments: readonly [string, Buffer, Partial<typeof plain>, string | undefined][] = [
  ['packets', namedSegment('a'), {}, 'ts'],
  ['packets under another name', namedSegment('a'), { uri: 'x.jpg' }, 'ts'],
  ['boxes', Buffer.from('\0\0\0\x18styp'), { hasInit: true }, 'm4s'],
  ['captions', Buffer.from('WEBVTT\n'), { uri: 'x.txt' }, 'vtt'],
  ['captions behind a byte order mark', Buffer.from('\ufeffWEBVTT'), {}, 'vtt'],
  ['an ID3 tag', Buffer.from('ID3\x04'), { uri: 'a.aac?x' }, 'aac'],
  ['an ID3 tag before MP3', Buffer.from('ID3\x04'), { uri: 'a.mp3' }, 'mp3'],
  ['an ID3 tag under no name', Buffer.from('ID3\x04'), {}, 'aac'],
  ['ADTS', Buffer.from([0xff, 0xf1, 0x50, 0x80]), {}, 'aac'],
  ['MP3', Buffer.from([0xff, 0xfb, 0x90, 0x64]), {}, 'mp3'],
  ['AC-3', Buffer.from([0x0b, 0x77, 0, 0]), {}, 'ac3'],
  ['E-AC-3', Buffer.from([0x0b, 0x77, 0, 0]), { uri: 'a.ec3' }, 'ec3'],
  ['what is encrypted', Buffer.from('????'), { isEncrypted: true }, 'ts'],
  ['what is encrypted and has an init segment', Buffer.from('????'), { isEncrypted: true, hasInit: true }, 'm4s'],
  ['a page', Buffer.from('<html>'), {}, undefined],
  ['nothing', Buffer.alloc(0), {}, undefined],
  ['nothing, encrypted', Buffer.alloc(0), { isEncrypted: true }, undefined],
  ['zeros', Buffer.alloc(4096), {}, undefined],
];
test.each(segments)('%s', (_what, bytes, name, extension) => {
  expect(segmentKindOf(bytes, { ...plain, ...name })?.extension).toBe(extension);
});
