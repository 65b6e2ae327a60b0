import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const folder = mkdtempSync(join(tmpdir(), 'spoe-floor-'));
const path = join(folder, 'floor.sock');
let floor: ChildProcess | undefined;

beforeAll(() => {
  floor = spawn(process.execPath, ['bench/spoe-floor.mjs', '127.0.0.1:0', path], { stdio: 'inherit' });
});

afterAll(() => {
  floor?.kill();
  rmSync(folder, { recursive: true, force: true });
});

const frame = (type: number, ids: readonly number[], body: Buffer): Buffer => {
  const rest = Buffer.concat([Buffer.from([type, 0, 0, 0, 1, ...ids]), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(rest.length);
  return Buffer.concat([length, rest]);
};
const hello = frame(1, [0, 0], Buffer.from('\x12supported-versions\x08\x032.0', 'latin1'));
/** Message `where` with two arguments of text. */
const question = Buffer.from('\x05where\x02\x06stream\x08\x06live/0\x07session\x08\x04s-42', 'latin1');
/** set-var (1) of 3 arguments, scope transaction (2). */
const actions = Buffer.from('\x01\x03\x02\x05state\x08\x07located\x01\x03\x02\x06server\x08\x04mtx1', 'latin1');

async function answersTo(pieces: readonly Buffer[], length: number): Promise<Buffer> {
  for (;;) {
    const answer = await new Promise<Buffer | undefined>((done) => {
      let received = Buffer.alloc(0);
      const socket = connect(path, () => void send());
      const send = async (): Promise<void> => {
        for (const piece of pieces) {
          socket.write(piece);
          await pause(1);
        }
      };
      socket.on('error', () => done(undefined));
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (received.length < length) return;
        socket.destroy();
        done(received);
      });
    });
    if (answer !== undefined) return answer;
    // It does not listen yet.
    await pause(50);
  }
}

/** One stream-id of one byte, one of three (240 and above), as HAProxy writes them. */
const asked = [
  [5, 1],
  [0xf5, 0x80, 0x01, 7],
];
const sent = Buffer.concat([hello, ...asked.map((ids) => frame(3, ids, question))]);
const acks = Buffer.concat(asked.map((ids) => frame(103, ids, actions)));
const agentHello = frame(
  101,
  [0, 0],
  Buffer.from('\x07version\x08\x032.0\x0emax-frame-size\x03\xfc\xf0\x06\x0ccapabilities\x08\x0apipelining', 'latin1'),
);

describe.each([
  ['at once', [sent]],
  ['byte by byte', Array.from(sent, (byte) => Buffer.of(byte))],
])('the yardstick of a decision, asked %s', (_, pieces) => {
  test('answers the HELLO, and every question with its own ids and the constant', async () => {
    const answer = await answersTo(pieces, agentHello.length + acks.length);
    expect(answer.toString('hex')).toBe(Buffer.concat([agentHello, acks]).toString('hex'));
  });
});
