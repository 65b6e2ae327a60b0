import fc from 'fast-check';
import { encodeKeyValues, encodeSetVars, type Question, readKeyValues, readQuestion } from '../../../src/spoe/payload';
import { locatedOnMtx1, unknownAnswer, whereLiveA } from './golden';
import { ascii, hex } from './hex';
import { recordedFrame, recordedVersions } from './recorded-frames';

function read(bytes: Buffer, offset = 0): Question | undefined {
  const question: Question = { stream: 'left over', session: 'left over' };
  return readQuestion({ bytes, offset, end: bytes.length }, question) ? question : undefined;
}

const nothing: Question = { stream: undefined, session: undefined };
const otherMessage = '05 6f74686572 02  01 61 06 7f000001  00 11';

describe('the question in a NOTIFY', () => {
  const cases: [name: string, messages: string, question: Question][] = [
    ['both arguments', whereLiveA, { stream: 'live/a', session: 's1' }],
    [
      'arguments in the other order',
      '05 7768657265 02 07 73657373696f6e 08 02 7331 06 73747265616d 08 06 6c6976652f61',
      { stream: 'live/a', session: 's1' },
    ],
    ['no message', '', nothing],
    ['no arguments', '05 7768657265 00', nothing],
    ['another message only', otherMessage, nothing],
    ['another message before it', otherMessage + whereLiveA, { stream: 'live/a', session: 's1' }],
    ['another message after it', whereLiveA + otherMessage, { stream: 'live/a', session: 's1' }],
    [
      'twice: the first counts',
      `${whereLiveA} 05 7768657265 01 06 73747265616d 08 01 62`,
      { stream: 'live/a', session: 's1' },
    ],
    ['session missing', '05 7768657265 01 06 73747265616d 08 01 62', { stream: 'b', session: undefined }],
    [
      'session NULL, as HAProxy sends a variable that is not set',
      '05 7768657265 02 06 73747265616d 08 01 62 07 73657373696f6e 00',
      { stream: 'b', session: undefined },
    ],
    [
      'session an IPv4 address, as older haproxy.cfg have it',
      '05 7768657265 02 06 73747265616d 08 01 62 07 73657373696f6e 06 7f0000ff',
      { stream: 'b', session: '127.0.0.255' },
    ],
    [
      'session an IPv6 address',
      '05 7768657265 02 06 73747265616d 08 01 62 07 73657373696f6e 07 20010db8000000000000000000000001',
      { stream: 'b', session: '2001:0db8:0000:0000:0000:0000:0000:0001' },
    ],
    [
      'session of another type',
      '05 7768657265 02 06 73747265616d 08 01 62 07 73657373696f6e 09 02 0000',
      { stream: 'b', session: undefined },
    ],
    [
      'stream of another type',
      '05 7768657265 02 06 73747265616d 09 01 62 07 73657373696f6e 08 01 73',
      { stream: undefined, session: 's' },
    ],
    [
      'every type as an unknown argument between the known ones',
      `05 7768657265 0c
       06 73747265616d 08 06 6c6976652f61
       01 61 00  01 61 01  01 61 11  01 61 02 01  01 61 03 f000  01 61 04 02  01 61 05 03
       01 61 06 7f000001  01 61 07 00000000000000000000000000000001  01 61 09 02 00ff
       07 73657373696f6e 08 02 7331`,
      { stream: 'live/a', session: 's1' },
    ],
  ];

  it.each(cases)('%s', (_, messages, question) => {
    expect(read(hex(messages))).toEqual(question);
  });

  it.each(cases)('%s: no part of a message is read as if it were whole', (_, messages) => {
    const bytes = hex(messages);
    for (let end = 1; end < bytes.length; end++) {
      const part = bytes.subarray(0, end);
      const question = read(part);
      // Between two messages the list may end.
      if (question !== undefined) expect(messageEnds(messages)).toContain(end);
    }
  });

  it.each(recordedVersions)('as HAProxy %s wrote it', (version) => {
    // 4 bytes length, 1 type, 4 flags, two ids of one byte each.
    const payloadAt = 11;
    expect(read(recordedFrame(version, 'notify'), payloadAt)).toEqual({
      stream: 'live/studio/a',
      session: '5e55-0001',
    });
    expect(read(recordedFrame(version, 'notify-session-null'), payloadAt)).toEqual({
      stream: 'live/b',
      session: undefined,
    });
    expect(read(recordedFrame(version, 'notify-all-types'), payloadAt)).toEqual(nothing);
    const long = read(recordedFrame(version, 'notify-long'), payloadAt);
    expect(long?.stream).toHaveLength(299);
    expect(long?.session).toBe('s'.repeat(250));
  });

  it('never throws, whatever the bytes', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.constantFrom(...[whereLiveA, otherMessage, '05 7768657265', '06 73747265616d', '08'].map((text) => hex(text))),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const bytes = Buffer.concat(pieces);
        const cursor = { bytes, offset: 0, end: bytes.length };
        const whole = readQuestion(cursor, { ...nothing });
        expect(cursor.offset).toBeLessThanOrEqual(bytes.length);
        if (whole) expect(cursor.offset).toBe(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Where the messages of a case end, in bytes. */
function messageEnds(messages: string): number[] {
  return [whereLiveA, otherMessage].filter((each) => messages.startsWith(each)).map((each) => hex(each).length);
}

describe('key-value lists', () => {
  it('are read to their end', () => {
    const bytes = hex(`01 61 03 05  01 62 08 01 78  00 11  01 61 00`);
    expect(readKeyValues({ bytes, offset: 0, end: bytes.length })).toEqual(
      new Map<string, unknown>([
        ['a', null],
        ['b', 'x'],
        ['', true],
      ]),
    );
  });

  it('are broken when their end is missing', () => {
    const bytes = hex('01 61 08 02 78');
    expect(readKeyValues({ bytes, offset: 0, end: bytes.length })).toBeUndefined();
    expect(readKeyValues({ bytes, offset: 0, end: 2 })).toBeUndefined();
    expect(readKeyValues({ bytes: hex('01 61 0a'), offset: 0, end: 3 })).toBeUndefined();
  });

  it('are written', () => {
    expect(encodeKeyValues({ 'status-code': 4, message: 'no' })).toEqual(
      hex(`0b ${ascii('status-code')} 03 04  07 ${ascii('message')} 08 02 6e6f`),
    );
  });
});

describe('actions', () => {
  it('set variables of the transaction', () => {
    expect(encodeSetVars({ state: 'located', server: 'mtx1' })).toEqual(locatedOnMtx1);
    expect(encodeSetVars({ state: 'unknown' })).toEqual(unknownAnswer);
  });
});
