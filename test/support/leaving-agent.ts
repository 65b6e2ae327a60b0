import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  ack,
  agentDisconnectNormal,
  agentHello,
  agentHelloWithoutCapabilities,
  locatedOnMtx1,
} from '../unit/spoe/golden';

/** How an agent's connections end: with its goodbye, without a word (a process that ended), or reset. */
export type Leaving = 'goodbye' | 'end' | 'reset';

/** An SPOE agent that finds every stream on mtx1, until it leaves in the worst moment: a question has come and is not answered. */
export interface LeavingAgent {
  /** `host:port`. */
  readonly address: string;
  /** Questions answered. */
  readonly answered: number;
  /** Questions that were not, because it left. */
  readonly lost: number;
  /** At the next question it ends all its connections and listens no more. */
  leaveAtNextQuestion(how: Leaving): void;
  stop(): Promise<void>;
}

const frameTypes = { hello: 1, notify: 3 } as const;

export async function startLeavingAgent(): Promise<LeavingAgent> {
  const sockets = new Set<Socket>();
  let leaving: Leaving | undefined;
  let [answered, lost] = [0, 0];

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => undefined);
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
        const end = 4 + received.readUInt32BE(0);
        onFrame(socket, received.subarray(4, end));
        received = received.subarray(end);
      }
    });
  });

  function onFrame(socket: Socket, frame: Buffer): void {
    if (frame[0] === frameTypes.hello) {
      const isCheck = frame.includes('healthcheck');
      socket.write(isCheck ? agentHelloWithoutCapabilities : agentHello);
      if (isCheck) socket.end();
      return;
    }
    if (frame[0] !== frameTypes.notify) return;
    if (leaving !== undefined) {
      lost++;
      leave(leaving);
      return;
    }
    answered++;
    const afterFlags = 5;
    const idsEnd = afterVarint(frame, afterVarint(frame, afterFlags));
    socket.write(ack(frame.subarray(afterFlags, idsEnd).toString('hex'), locatedOnMtx1));
  }

  function leave(how: Leaving): void {
    server.close();
    for (const socket of sockets) {
      if (how === 'reset') socket.resetAndDestroy();
      else if (how === 'goodbye') socket.end(agentDisconnectNormal);
      else socket.end();
    }
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get answered() {
      return answered;
    },
    get lost() {
      return lost;
    },
    leaveAtNextQuestion(how) {
      leaving = how;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

/** The offset after a number of the protocol: from 240 on, bytes follow until one is below 128. */
function afterVarint(bytes: Buffer, start: number): number {
  let offset = start + 1;
  if ((bytes[start] ?? 0) < 240) return offset;
  while ((bytes[offset] ?? 0) >= 128) offset++;
  return offset + 1;
}
