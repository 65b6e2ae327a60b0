import { connect } from 'node:net';
import { controlMessage, controlType, messageClass, tableType } from '../src/peers/message';
import { createMessageReader } from '../src/peers/message-reader';
import type { Cursor } from '../src/wire/cursor';
import { encodeVarint, readVarint } from '../src/wire/varint';

/** What the agent takes for a HAProxy whose tables are used. */
export interface TableStream {
  /**
   * Says once more what `touches` made, `times` times in a row, as fast as the agent takes it.
   * Resolves when the agent has acknowledged the last of it.
   */
  push(touches: Touches, times?: number): Promise<void>;
  /** Says one of `singleTouches`, in a write of its own. */
  pushOne(touch: Buffer): void;
  /** Resolves when the agent has acknowledged all that was said. */
  acknowledged(): Promise<void>;
  stop(): void;
}

/** Messages, ready to be sent any number of times. */
export interface Touches {
  readonly bytes: Buffer;
  readonly count: number;
}

/** As haproxy.cfg declares them: number, name, longest key, whether bytes are counted, expiry. */
const tables = {
  sessions: { id: 1, name: 'sessions', keyBytes: 281, hasBytes: true, expireMs: 60_000 },
  streams: { id: 2, name: 'streams', keyBytes: 201, hasBytes: false, expireMs: 86_400_000 },
} as const;
const stringKey = 6;
/** server_id, bytes_out_cnt, server_key. */
const masks = { withBytes: 2 ** 0 + 2 ** 15 + 2 ** 19, plain: 2 ** 0 + 2 ** 19 };
const serverCount = 3;
/** After so many sessions HAProxy has something to say about a stream, and defines both tables anew. */
const sessionsPerStream = 100;
const heartbeatMs = 3000;

/** One touch of each key (`stream|session`), and of some streams; servers are named by HAProxy's dictionary, which `connectStream` fills. */
export function touchesOf(keys: readonly string[]): Touches {
  const parts: Uint8Array[] = [];
  let streams = 0;
  for (const [i, key] of keys.entries()) {
    if (i % sessionsPerStream === 0) {
      parts.push(definition('streams'), update('streams', key.slice(0, key.lastIndexOf('|')), i));
      parts.push(definition('sessions'));
      streams++;
    }
    parts.push(update('sessions', key, i));
  }
  return { bytes: Buffer.concat(parts), count: keys.length + streams };
}

/** One touch of each session, each as a message of its own. */
export function singleTouches(keys: readonly string[]): readonly Buffer[] {
  return keys.map((key, i) => update('sessions', key, i));
}

/** Connects as HAProxy does. Resolves when the agent has been told that the tables are empty: from then on, touches are live. */
export async function connectStream(host: string, port: number, node: string): Promise<TableStream> {
  const socket = connect({ host, port, noDelay: true });
  /** The last id, by table: ids count from 1. */
  const lastIds = new Map<number, number>();
  let onAck = (): void => undefined;
  const live = new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    const reader = createMessageReader(65_536, (kind, type, body: Cursor) => {
      if (kind === messageClass.control && type === controlType.resyncRequest)
        socket.write(controlMessage('resyncFinished'));
      if (kind === messageClass.control && type === controlType.resyncConfirm) resolve();
      if (kind === messageClass.tables && type === tableType.ack) {
        const table = readVarint(body);
        lastIds.set(table, body.bytes.readUInt32BE(body.offset));
        onAck();
      }
      return true;
    });
    let greeted = false;
    socket.on('data', (chunk: Buffer) => {
      if (greeted) reader.read(chunk);
      else reader.read(chunk.subarray(4));
      greeted = true;
    });
  });
  const heart = setInterval(() => socket.write(controlMessage('heartbeat')), heartbeatMs);
  socket.once('close', () => clearInterval(heart));
  socket.write(`HAProxyS 2.1\nmtxpilot\n${node} ${process.pid} 1\n`);
  socket.write(controlMessage('resyncRequest'));
  await live;
  // Names first; the updates after this know their ids.
  const names = Array.from({ length: serverCount }, (_, i) => firstUpdate(`bench/${i}`, i));
  socket.write(Buffer.concat([definition('streams'), ...names, definition('sessions')]));
  let pushed = serverCount;

  const acknowledged = (): Promise<void> =>
    new Promise((resolve) => {
      onAck = () => {
        if ([...lastIds.values()].reduce((sum, id) => sum + id, 0) >= pushed) resolve();
      };
      onAck();
    });
  return {
    async push({ bytes, count }, times = 1) {
      pushed += count * times;
      for (let i = 0; i < times; i++) {
        if (!socket.write(bytes)) await new Promise((drained) => socket.once('drain', drained));
      }
      await acknowledged();
    },
    pushOne(touch) {
      pushed++;
      socket.write(touch);
    },
    acknowledged,
    stop: () => void socket.destroy(),
  };
}

function definition(of: keyof typeof tables): Uint8Array {
  const { id, name, keyBytes, hasBytes, expireMs } = tables[of];
  return message(tableType.definition, [
    encodeVarint(id),
    encodeVarint(name.length),
    Buffer.from(name),
    ...[stringKey, keyBytes, hasBytes ? masks.withBytes : masks.plain, expireMs].map(encodeVarint),
  ]);
}

/** Incremental: its id is one above the last of its table, so that the same bytes are right any number of times. */
function update(of: keyof typeof tables, key: string, i: number): Buffer {
  const server = i % serverCount;
  return message(tableType.incrementalUpdate, [
    encodeVarint(key.length),
    Buffer.from(key, 'latin1'),
    encodeVarint(server + 1),
    ...(tables[of].hasBytes ? [encodeVarint(1_000_000 + i)] : []),
    // One byte: an id of the dictionary.
    Uint8Array.of(1, server + 1),
  ]);
}

function firstUpdate(key: string, server: number): Buffer {
  const name = Buffer.from(`mtx${server + 1}`);
  return message(tableType.incrementalUpdate, [
    encodeVarint(key.length),
    Buffer.from(key),
    encodeVarint(server + 1),
    Uint8Array.of(name.length + 2, server + 1, name.length),
    name,
  ]);
}

function message(type: number, body: readonly Uint8Array[]): Buffer {
  const length = body.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Uint8Array.of(messageClass.tables, type), encodeVarint(length), ...body]);
}
