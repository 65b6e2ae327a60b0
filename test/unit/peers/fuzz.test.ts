import fc from 'fast-check';
import { createConnection } from '../../../src/peers/connection';
import { createPeersStats } from '../../../src/peers/stats';
import type { Touch } from '../../../src/peers/touch';
import { createMemoryDuplex, settled } from '../spoe/memory-duplex';
import { createRecordingLog } from '../spoe/recording-log';
import {
  firstUpdate,
  heartbeat,
  hello,
  recorded,
  recordedVersions,
  resyncFinished,
  resyncRequest,
  sessionsDefinition,
  timedUpdate,
} from './golden';

function connect() {
  const peer = createMemoryDuplex();
  const { log } = createRecordingLog();
  const stats = createPeersStats();
  const touches: Touch[] = [];
  let closed = 0;
  createConnection(
    peer.duplex,
    {
      stats,
      log,
      nowMs: () => 0,
      resyncAnswer: 'resyncFinished',
      maxBodyBytes: 65_536,
      helloTimeoutMs: 60_000,
      heartbeatMs: 60_000,
      silenceMs: 60_000,
      backlogMs: 60_000,
      ackMs: 60_000,
      dumpTimeoutMs: 60_000,
      dumpRetry: { firstMs: 60_000, longestMs: 60_000 },
    },
    {
      onHello: () => true,
      onTouch: (touch) => touches.push({ ...touch }),
      onSynced: () => undefined,
      onClosed: () => closed++,
    },
  );
  return { ...peer, stats, touches, closed: () => closed };
}

/** Everything that was told is of the kinds that a listener expects. */
function expectSound({ touches }: ReturnType<typeof connect>): void {
  for (const { key, table, serverName, serverId, idleMs, expiresInMs, bytesOut } of touches) {
    expect(key.length).toBeLessThanOrEqual(65_536);
    expect(table).not.toBe('');
    expect(serverName === undefined || serverName.length <= 255).toBe(true);
    for (const number of [serverId, idleMs ?? 0, expiresInMs ?? 0, bytesOut ?? 0]) {
      expect(number >= 0 && Number.isFinite(number)).toBe(true);
    }
  }
}

const messages = [heartbeat, resyncRequest, resyncFinished, sessionsDefinition, firstUpdate, timedUpdate];
const all = recordedVersions.flatMap((version) => recorded(version).filter(({ name }) => name !== 'hello'));

describe('whatever comes', () => {
  it('bytes without sense end in a closed connection or in silence', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }),
        fc.boolean(),
        async (chunks, greets) => {
          const peer = connect();
          if (greets) peer.feed(hello);
          for (const chunk of chunks) if (chunk.length > 0 && !peer.duplex.destroyed) peer.feed(Buffer.from(chunk));
          await settled();
          expectSound(peer);
          peer.duplex.destroy();
          await settled();
          expect(peer.closed()).toBe(1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('true messages with bytes changed, dropped or doubled', async () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.constantFrom('set', 'drop', 'double') });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...messages, ...all.map(({ bytes }) => bytes)), { minLength: 1, maxLength: 30 }),
        fc.array(change, { maxLength: 4 }),
        async (parts, changes) => {
          let bytes = Buffer.concat([resyncRequest, ...parts]);
          for (const { at, byte, kind } of changes) {
            const offset = at % bytes.length;
            const rest = bytes.subarray(offset + (kind === 'drop' ? 1 : 0));
            bytes = Buffer.concat([
              bytes.subarray(0, offset),
              kind === 'double' ? rest.subarray(0, 1) : Buffer.alloc(0),
              rest,
            ]);
            if (kind === 'set') bytes[offset] = byte;
          }
          const peer = connect();
          peer.feed(hello);
          peer.feed(bytes);
          await settled();
          expectSound(peer);
          peer.duplex.destroy();
          await settled();
          expect(peer.closed()).toBe(1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('true messages in any pieces are understood to the last', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...recordedVersions),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 40 }),
        async (version, sizes) => {
          const bytes = Buffer.concat(recorded(version).map((message) => message.bytes));
          const peer = connect();
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = sizes[turn % sizes.length] ?? 1;
            peer.feed(bytes.subarray(at, at + size));
            at += size;
          }
          await settled();
          const expected = recorded(version).filter(({ name }) => name.endsWith('update')).length;
          expect(peer.touches).toHaveLength(expected);
          expect(peer.closed()).toBe(0);
          peer.duplex.destroy();
        },
      ),
      { numRuns: 50 },
    );
  });
});
