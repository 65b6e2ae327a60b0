import { connect, createServer, type Socket } from 'node:net';

/** One command of the Runtime API as it was sent, with its payload. */
export type Recorded = Buffer;

export interface Recording {
  /** No more commands are taken; what was sent so far, in its order. */
  stop(): Promise<readonly Recorded[]>;
}

/** Stands between a client and HAProxy's Runtime socket and writes down what the client sends, a connection a command. */
export async function recordCommands(path: string, haproxy: string): Promise<Recording> {
  const sent: Buffer[][] = [];
  const server = createServer((client) => {
    const chunks: Buffer[] = [];
    sent.push(chunks);
    const upstream = connect(haproxy);
    client.on('data', (chunk: Buffer) => chunks.push(chunk));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => other.destroy()).on('close', () => other.destroy());
      socket.pipe(other);
    }
  });
  await new Promise<void>((listening) => server.listen(path, listening));
  return {
    async stop() {
      await new Promise((closed) => server.close(closed));
      return sent.map((chunks) => Buffer.concat(chunks));
    },
  };
}

/**
 * Fills a map with what was recorded: each command is written as soon as the one before it was answered. Nothing is checked, waited for or decided here
 * that could be left out; the version that `prepare map` made is put in place of the recorded one.
 */
export async function sendRecorded(haproxy: string, commands: readonly Recorded[]): Promise<void> {
  let version = '';
  for (const command of commands) {
    const line = command.toString('latin1', 0, 40);
    if (!/^(prepare|add|commit) map /.test(line)) continue;
    const from = line.indexOf('@');
    const parts =
      from < 0
        ? [command]
        : [command.subarray(0, from + 1), Buffer.from(version), command.subarray(line.indexOf(' ', from))];
    const reply = await exchange(connect(haproxy), parts);
    version = /^New version created: (\d+)/.exec(reply)?.[1] ?? version;
  }
}

function exchange(socket: Socket, parts: readonly Buffer[]): Promise<string> {
  return new Promise((answered, failed) => {
    let reply = '';
    socket.on('error', failed).on('data', (chunk: Buffer) => (reply += chunk.toString('latin1')));
    socket.on('end', () => {
      socket.destroy();
      answered(reply);
    });
    socket.cork();
    for (const part of parts) socket.write(part);
    socket.uncork();
  });
}
