import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What happens to one reply. The command reaches HAProxy all the same, except with `swallow` and `refuse`. */
export type Fault =
  /** Another text, as it is: give it the empty line at its end if it should have one. */
  | { readonly kind: 'replace'; readonly text: string | Buffer }
  /** So many bytes, then the connection is closed. */
  | { readonly kind: 'truncate'; readonly bytes: number }
  /** So many bytes, then nothing more, on a connection that stays open. */
  | { readonly kind: 'hang'; readonly bytes: number }
  /** The whole reply, later. */
  | { readonly kind: 'delay'; readonly until: Promise<unknown> }
  /** HAProxy never hears of it, and there is no answer. */
  | { readonly kind: 'swallow' }
  /** HAProxy never hears of it, and the connection is closed at once. */
  | { readonly kind: 'refuse' };

export interface FakeHaproxySocket {
  /** Where it listens. */
  readonly path: string;
  /** Every command that came, without payload, oldest first. */
  readonly commands: string[];
  /** How many commands began with these words. */
  count(words: string): number;
  /** Chooses what goes wrong, command by command; undefined lets the reply through. */
  breakWith(choose: ((command: string) => Fault | undefined) | undefined): void;
  /** Connections that are open now. */
  connections(): number;
  stop(): Promise<void>;
}

/**
 * A stats socket in front of HAProxy's own one (`target`: its path) or instead of it (`target`: gives the reply to a command, with
 * its empty line), which counts commands and spoils replies as told.
 */
export async function startFakeHaproxySocket(
  target: string | ((command: string, payload: readonly string[]) => string),
): Promise<FakeHaproxySocket> {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-socket-'));
  const path = join(folder, 'admin.sock');
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  let choose: ((command: string) => Fault | undefined) | undefined;

  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString();
      if (!isWhole(received)) return;
      const request = received;
      received = '';
      const [line = '', ...payload] = request.trimEnd().split('\n');
      const command = line.replace(/ <<$/, '');
      commands.push(command);
      const fault = choose?.(command);
      if (fault?.kind === 'refuse') socket.destroy();
      if (fault?.kind === 'refuse' || fault?.kind === 'swallow') return;
      const reply =
        typeof target === 'string' ? ask(target, request) : Promise.resolve(Buffer.from(target(command, payload)));
      void reply.then((bytes) => answer(socket, bytes, fault));
    });
    // A client that is gone needs no answer.
    socket.on('end', () => socket.destroy());
  });
  await new Promise<void>((done) => server.listen(path, done));
  return {
    path,
    commands,
    count: (words) => commands.filter((command) => `${command} `.startsWith(`${words} `)).length,
    breakWith(chosen) {
      choose = chosen;
    },
    connections: () => sockets.size,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether a command has come with all of its payload. */
function isWhole(received: string): boolean {
  const end = received.indexOf('\n');
  if (end < 0) return false;
  return received.slice(0, end).endsWith('<<') ? received.endsWith('\n\n') : true;
}

async function answer(socket: Socket, bytes: Buffer, fault: Fault | undefined): Promise<void> {
  if (fault?.kind === 'delay') await fault.until;
  if (fault?.kind === 'hang') socket.write(bytes.subarray(0, fault.bytes));
  else if (fault?.kind === 'replace') socket.end(fault.text);
  else socket.end(fault?.kind === 'truncate' ? bytes.subarray(0, fault.bytes) : bytes);
}

/** The reply of the real socket; nothing when it cannot be had. */
function ask(path: string, request: string): Promise<Buffer> {
  return new Promise((done) => {
    const chunks: Buffer[] = [];
    const socket = connect(path, () => socket.write(request));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined).on('close', () => done(Buffer.concat(chunks)));
  });
}
