import { createRuntimeClient, type RuntimeClient } from '../../../src/runtime';
import { type FakeHaproxySocket, startFakeHaproxySocket } from '../../support/fake-haproxy-socket';

export interface Replaying {
  readonly client: RuntimeClient;
  readonly socket: FakeHaproxySocket;
  /** What every command is answered with from now on, empty line included. */
  reply: string | ((command: string, payload: readonly string[]) => string);
}

/** A client on a stats socket that answers what the test says. */
export async function startReplaying(): Promise<Replaying> {
  const socket = await startFakeHaproxySocket((command, payload) =>
    typeof replaying.reply === 'string' ? replaying.reply : replaying.reply(command, payload),
  );
  const replaying: Replaying = { client: createRuntimeClient({ address: { path: socket.path } }), socket, reply: '\n' };
  return replaying;
}

/** A result that failed for this reason, with these words in its message. */
export const failed = (reason: string, message = '') => ({
  ok: false,
  error: { reason, message: expect.stringContaining(message) as unknown },
});
