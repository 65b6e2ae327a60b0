// The yardstick of a decision: the least that an SPOE agent in Node can do. It reads every frame and every argument of the question, answers "mtx1"
// whatever was asked, and sends all ACKs of one read in one write. It knows no stream, keeps no time, defends itself against nothing, and uses
// only what Node documents. node bench/spoe-floor.mjs HTTP_PORT HOST:PORT_OR_PATH…; HTTP tells how many questions were answered.
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

const [host, httpPort] = (process.argv[2] ?? '').split(':');
const frameType = { haproxyHello: 1, haproxyDisconnect: 2, notify: 3, agentHello: 101, agentDisconnect: 102, ack: 103 };
const text = (value) => [value.length, ...Buffer.from(value)];
const stringType = 8;
const uint32Type = 3;
const setVariable = 1;
const transactionScope = 2;

/** Length, type, flags (FIN), stream-id and frame-id 0, and the body. */
const frame = (type, body) => Buffer.from([0, 0, 0, 7 + body.length, type, 0, 0, 0, 1, 0, 0, ...body]);
const agentHello = frame(frameType.agentHello, [
  ...[...text('version'), stringType, ...text('2.0')],
  // 16,380.
  ...[...text('max-frame-size'), uint32Type, 252, 240, 6],
  ...[...text('capabilities'), stringType, ...text('pipelining')],
]);
const agentDisconnect = frame(frameType.agentDisconnect, [
  ...[...text('status-code'), uint32Type, 0],
  ...[...text('message'), stringType, ...text('normal')],
]);
/** The same as mtxpilot sends: set-var, three arguments, scope, name, value. */
const actions = Buffer.from([
  ...[setVariable, 3, transactionScope, ...text('state'), stringType, ...text('located')],
  ...[setVariable, 3, transactionScope, ...text('server'), stringType, ...text('mtx1')],
]);

let answered = 0;
let bytes = Buffer.alloc(0);
/** Where in `bytes` the next thing begins. */
let at = 0;

function varint() {
  let value = bytes[at++];
  if (value < 240) return value;
  for (let shift = 4; ; shift += 7) {
    const byte = bytes[at++];
    value += byte * 2 ** shift;
    if (byte < 128) return value;
  }
}

function string() {
  const length = varint();
  at += length;
  return bytes.latin1Slice(at - length, at);
}

/** A value of an argument; of kinds other than text, only how long it is. */
function typedValue() {
  switch (bytes[at++] & 15) {
    case 2:
    case 3:
    case 4:
    case 5:
      return varint();
    case 6:
      at += 4;
      return undefined;
    case 7:
      at += 16;
      return undefined;
    case 8:
    case 9:
      return string();
    default:
      return undefined;
  }
}

function readMessages(end) {
  while (at < end) {
    string();
    for (let left = bytes[at++]; left > 0; left--) {
      string();
      typedValue();
    }
  }
}

function serve(socket) {
  let rest;
  socket
    .on('error', () => undefined)
    .on('data', (chunk) => {
      bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
      // A NOTIFY is longer than its ACK without the actions.
      const out = Buffer.allocUnsafe(bytes.length + 64 + Math.ceil(bytes.length / 16) * actions.length);
      let written = 0;
      let start = 0;
      while (bytes.length - start >= 4) {
        const end = start + 4 + bytes.readUInt32BE(start);
        if (end > bytes.length) break;
        const type = bytes[start + 4];
        at = start + 9;
        if (type === frameType.notify) {
          varint();
          varint();
          const idBytes = at - start - 9;
          readMessages(end);
          out.writeUInt32BE(5 + idBytes + actions.length, written);
          out[written + 4] = frameType.ack;
          out.writeUInt32BE(1, written + 5);
          bytes.copy(out, written + 9, start + 9, start + 9 + idBytes);
          out.set(actions, written + 9 + idBytes);
          written += 9 + idBytes + actions.length;
          answered++;
        } else if (type === frameType.haproxyHello) {
          socket.write(agentHello);
          if (bytes.includes('healthcheck', start)) socket.end();
        } else if (type === frameType.haproxyDisconnect) socket.end(agentDisconnect);
        start = end;
      }
      rest = start === bytes.length ? undefined : bytes.subarray(start);
      if (written > 0) socket.write(out.subarray(0, written));
    });
}

for (const address of process.argv.slice(3)) {
  const server = createServer({ noDelay: true }, serve);
  if (address.startsWith('/')) server.listen(address);
  else server.listen(Number(address.split(':')[1]), address.split(':')[0]);
}
createHttpServer((_, response) => response.end(`mtxpilot_decisions_total{state="located"} ${answered}\n`)).listen(
  Number(httpPort),
  host,
);
