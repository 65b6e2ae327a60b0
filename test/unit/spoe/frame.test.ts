import { encodeFrame, type FrameHeader, frameType, readFrameHeader, writeAck } from '../../../src/spoe/frame';
import { ack, agentDisconnectNormal, locatedOnMtx1 } from './golden';
import { hex } from './hex';
import { recordedFrames, recordedVersions } from './recorded-frames';

function read(bytes: Buffer): (FrameHeader & { payloadAt: number }) | undefined {
  const header: FrameHeader = { type: -1, flags: -1, idsStart: -1, idsEnd: -1 };
  const cursor = { bytes, offset: 0, end: bytes.length };
  return readFrameHeader(cursor, header) ? { ...header, payloadAt: cursor.offset } : undefined;
}

describe('frame header', () => {
  it('is read with one-byte ids', () => {
    expect(read(hex('03 00000001 00 01 aa'))).toEqual({ type: 3, flags: 1, idsStart: 5, idsEnd: 7, payloadAt: 7 });
  });

  it('is read with long ids', () => {
    expect(read(hex('67 00000003 fff0fefe7e f000'))).toEqual({
      type: 103,
      flags: 3,
      idsStart: 5,
      idsEnd: 12,
      payloadAt: 12,
    });
  });

  it('is not read from a part of it', () => {
    const bytes = hex('03 00000001 fff0fefe7e f000');
    for (let end = 0; end < bytes.length; end++) expect(read(bytes.subarray(0, end))).toBeUndefined();
  });

  it.each(recordedVersions)('is that of every frame that HAProxy %s wrote', (version) => {
    const types = recordedFrames(version).map(({ name, bytes }) => {
      expect(bytes.readUInt32BE(0)).toBe(bytes.length - 4);
      const header = read(bytes.subarray(4));
      expect(header?.flags).toBe(1);
      return [name.split('-')[0], header?.type];
    });
    for (const [name, type] of types) {
      expect(type).toBe({ hello: 1, healthcheck: 1, disconnect: 2, notify: 3 }[name as 'hello']);
    }
    expect(types.length).toBeGreaterThan(8);
  });
});

describe('frames to write', () => {
  it('are those of the connection', () => {
    const payload = agentDisconnectNormal.subarray(11);
    expect(encodeFrame(frameType.agentDisconnect, payload)).toEqual(agentDisconnectNormal);
  });

  it.each(['00 01', 'ef f000', 'fff0fefe7e 7f'])('are ACKs that repeat the ids %s', (ids) => {
    const expected = ack(ids, locatedOnMtx1);
    const target = Buffer.alloc(expected.length + 6, 0xee);
    const source = hex(`aaaa ${ids} bb`);
    const end = writeAck(target, 3, source, 2, source.length - 1, locatedOnMtx1);
    expect(end).toBe(3 + expected.length);
    expect(target).toEqual(Buffer.concat([hex('eeeeee'), expected, hex('eeeeee')]));
  });
});
