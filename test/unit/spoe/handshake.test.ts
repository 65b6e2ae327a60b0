import { agentDisconnect, negotiate, readDisconnect } from '../../../src/spoe/handshake';
import { statusCodes, statusNames } from '../../../src/spoe/status';
import { agentDisconnectNormal, agentHello, agentHelloWithoutCapabilities, haproxyHello } from './golden';
import { hex } from './hex';
import { recordedFrame, recordedFrames, recordedVersions } from './recorded-frames';

const versions = '12 737570706f727465642d76657273696f6e73';
const maxFrameSize = '0e 6d61782d6672616d652d73697a65';
const capabilities = '0c 6361706162696c6974696573';

/** A cursor on the payload of a frame with one-byte ids. */
function payloadOf(frame: Buffer) {
  return { bytes: frame, offset: 11, end: frame.length };
}

function negotiateOn(payload: string, own = 16_380) {
  const bytes = hex(payload);
  return negotiate({ bytes, offset: 0, end: bytes.length }, own);
}

describe('HELLO', () => {
  it.each(recordedVersions)('of HAProxy %s is agreed to', (version) => {
    expect(negotiate(payloadOf(recordedFrame(version, 'hello')), 16_380)).toEqual({
      kind: 'agreed',
      maxFrameSizeBytes: 16_380,
      healthcheck: false,
      reply: agentHello,
    });
  });

  it.each(recordedVersions)('of a health check of HAProxy %s is agreed to', (version) => {
    expect(negotiate(payloadOf(recordedFrame(version, 'healthcheck')), 16_380)).toEqual({
      kind: 'agreed',
      maxFrameSizeBytes: 16_380,
      healthcheck: true,
      reply: agentHelloWithoutCapabilities,
    });
  });

  it.each([
    [16_384, 16_380, 16_380, 'fcf006'],
    [16_380, 300, 300, 'fc03'],
    [65_532, 16_380, 16_380, 'fcf006'],
  ])('takes the lower of both longest frames: %d and %d', (theirs, own, agreed, bytes) => {
    const theirBytes = { 16384: 'f0f106', 16380: 'fcf006', 65532: 'fcf01e' }[theirs];
    const result = negotiateOn(`${versions} 08 03 322e30 ${maxFrameSize} 03 ${theirBytes} ${capabilities} 08 00`, own);
    expect(result).toMatchObject({ kind: 'agreed', maxFrameSizeBytes: agreed });
    if (result.kind === 'agreed') expect(result.reply.toString('hex')).toContain(`73697a6503${bytes}0c`);
  });

  it.each([
    ['pipelining', '08 0a 706970656c696e696e67', true],
    ['async, pipelining', '08 11 6173796e632c20706970656c696e696e67', true],
    ['async', '08 05 6173796e63', false],
    ['nothing', '08 00', false],
  ])('offers pipelining only to a peer that has it: %s', (_, text, offered) => {
    const result = negotiateOn(`${versions} 08 03 322e30 ${maxFrameSize} 03 fcf006 ${capabilities} ${text}`);
    expect(result).toMatchObject({ reply: offered ? agentHello : agentHelloWithoutCapabilities });
  });

  const full = `${maxFrameSize} 03 fcf006 ${capabilities} 08 00`;
  it.each([
    ['2.0', '03 322e30'],
    ['1.5, 2.1', '08 312e352c20322e31'],
  ])('accepts the versions %s', (_, text) => {
    expect(negotiateOn(`${versions} 08 ${text} ${full}`).kind).toBe('agreed');
  });

  it.each([
    ['no versions', full, 'no-version'],
    ['versions of another type', `${versions} 03 02 ${full}`, 'no-version'],
    ['version 1.0', `${versions} 08 03 312e30 ${full}`, 'unsupported-version'],
    ['version 3.0', `${versions} 08 03 332e30 ${full}`, 'unsupported-version'],
    ['version 12.0', `${versions} 08 04 31322e30 ${full}`, 'unsupported-version'],
    ['no longest frame', `${versions} 08 03 322e30 ${capabilities} 08 00`, 'no-max-frame-size'],
    [
      'a text as longest frame',
      `${versions} 08 03 322e30 ${maxFrameSize} 08 01 39 ${capabilities} 08 00`,
      'no-max-frame-size',
    ],
    [
      'a longest frame of 255',
      `${versions} 08 03 322e30 ${maxFrameSize} 03 ff00 ${capabilities} 08 00`,
      'bad-max-frame-size',
    ],
    ['no capabilities', `${versions} 08 03 322e30 ${maxFrameSize} 03 fcf006`, 'no-capabilities'],
    ['a broken list', `${versions} 08 03 322e`, 'invalid-frame'],
  ])('is refused with %s', (_, payload, status) => {
    expect(negotiateOn(payload)).toEqual({ kind: 'refused', status });
  });

  it('skips unknown keys, of every type', () => {
    const extra = '01 78 00 01 78 11 01 78 06 7f000001 01 78 09 01 00 00 08 00';
    expect(negotiateOn(`${extra} ${haproxyHello.subarray(11).toString('hex')} ${extra}`)).toMatchObject({
      reply: agentHello,
    });
  });
});

describe('DISCONNECT', () => {
  it('is read as HAProxy writes it', () => {
    const read = recordedVersions.flatMap((version) =>
      recordedFrames(version)
        .filter(({ name }) => name.startsWith('disconnect'))
        .map(({ name, bytes }) => [name, readDisconnect(payloadOf(bytes))]),
    );
    const expected = [
      ['disconnect-idle', { status: 'timeout', message: 'a timeout occurred' }],
      ['disconnect-stop', { status: 'normal', message: 'normal' }],
      ['disconnect-error', { status: 'fragmentation-not-supported', message: 'fragmentation not supported' }],
    ];
    expect(read).toEqual([...expected, ...expected]);
  });

  it('without its keys, or with a code of its own, still tells something', () => {
    expect(readDisconnect({ bytes: Buffer.alloc(0), offset: 0, end: 0 })).toEqual({
      status: 'unknown-error',
      message: '',
    });
    const bytes = hex('0b 7374617475732d636f6465 03 f000');
    expect(readDisconnect({ bytes, offset: 0, end: bytes.length })).toEqual({ status: 'unknown-error', message: '' });
    expect(readDisconnect({ bytes, offset: 0, end: bytes.length - 1 })).toBeUndefined();
  });

  it('is written', () => {
    expect(agentDisconnect('normal')).toEqual(agentDisconnectNormal);
    expect(agentDisconnect('fragmentation-not-supported')).toEqual(
      hex(`0000003a 66 00000001 00 00
        0b 7374617475732d636f6465 03 0a
        07 6d657373616765 08 1b 667261676d656e746174696f6e206e6f7420737570706f72746564`),
    );
  });

  it.each(statusNames)('%s carries its code', (status) => {
    expect(readDisconnect(payloadOf(agentDisconnect(status)))).toEqual({ status, message: statusCodes[status].text });
  });
});
