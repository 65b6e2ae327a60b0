import { unlink } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { boundedLog, type Logger } from '../log';
import { type RecordTime, recordNothing } from '../measure';
import { addressKey, errorCode, type ListenAddress, listenOn, whoGoes } from '../wire';
import { createAckBatch } from './ack-batch';
import { createAnswers } from './answers';
import { type ConnectionContext, createConnection, type Decide, type SpoeConnection } from './connection';
import { createReadInPlace } from './read-in-place';
import { createSpoeStats, type SpoeStats } from './stats';

export interface SpoeServerOptions {
  readonly decide: Decide;
  readonly log: Logger;
  /** Told of every decision; failed are those answered `unknown`. */
  readonly recordDecision?: RecordTime;
  /** A clock that never goes back, in milliseconds. Default: `performance.now`. */
  readonly nowMs?: () => number;
  /** Longest frame accepted, in bytes without its length, at least 256. Default 16380: HAProxy's own (`tune.bufsize` less 4). */
  readonly maxFrameSizeBytes?: number;
  /**
   * When so many are open, a new one takes the place of the longest silent that never asked; else of the longest silent, if it asked nothing for
   * `idleMs`; else it is closed at once and counted as refused. Default 4096.
   */
  readonly maxConnections?: number;
  /** A connection that asked nothing for so long may be closed for a new one. Default 10,000. */
  readonly idleMs?: number;
  /** How long a connection may take for its HELLO. Afterwards there is no limit: HAProxy keeps connections. Default 5,000. */
  readonly helloTimeoutMs?: number;
  /** How many NOTIFYs of a connection may wait for lookups before it is no longer read. Default 1,000. */
  readonly maxWaitingPerConnection?: number;
  /** How long HAProxy may take to close after the agent did. Default 1,000. */
  readonly lingerMs?: number;
  /** At `stop`, for how long no question may have come before the connections are ended. Default 50. */
  readonly quietMs?: number;
  /**
   * At `stop`, how long questions that do not cease go on being answered. It should be longer than HAProxy's health check needs to notice
   * (`inter` times `fall`). Default 2,000.
   */
  readonly drainTimeoutMs?: number;
}

export interface SpoeServer {
  /** Starts to accept connections. Rejects with the address and the reason when it cannot. A dead unix socket of the same name is replaced. */
  listen(address: ListenAddress): Promise<void>;
  /** What it listens on; null when it does not. A string is the path of a unix socket. */
  address(): AddressInfo | string | null;
  /**
   * Stops gracefully: fails HAProxy's health checks (`option spop-check`) but goes on answering, on new connections too, until two checks have
   * failed (where somebody checks, and asked lately) and no more questions come, or `drainTimeoutMs` is over; then accepts no more, answers what
   * still waits with `unknown`, sends DISCONNECT and closes. Resolves when all is closed.
   *
   * With a second agent HAProxy goes on asking on the connections that it has, so a question may cross the goodbye of its connection. HAProxy
   * notices at once, and asks once more (haproxy.cfg).
   */
  stop(): Promise<void>;
  readonly stats: SpoeStats;
}

const stopCheckIntervalMs = 10;
/** Who asked within this time will do so again. */
const lateMs = 2000;
/** HAProxy's `fall` in the shipped haproxy.cfg. */
const failedChecks = 2;
/** Of more connections than that, several end at a time: saying goodbye must not take long. */
const mostGoodbyes = 25;
/** A host that vanished without a word is noticed by TCP itself: there is no idle timeout. */
const keepAliveAfterMs = 30_000;

/** Makes the SPOE agent's server: it speaks SPOP 2.0 (HAProxy's doc/SPOE.txt) to every HAProxy that connects. */
export function createSpoeServer(options: SpoeServerOptions): SpoeServer {
  const stats = createSpoeStats();
  const { nowMs = () => performance.now(), quietMs = 50, drainTimeoutMs = 2000 } = options;
  const { maxConnections = 4096, idleMs = 10_000 } = options;
  // Each connection, and each question, can cause a line.
  const log = boundedLog(options.log, { nowMs });
  const context: ConnectionContext = {
    draining: false,
    decide: options.decide,
    answers: createAnswers(log),
    batch: createAckBatch(),
    stats,
    recordDecision: options.recordDecision ?? recordNothing,
    log,
    nowMs,
    maxFrameSizeBytes: options.maxFrameSizeBytes ?? 16_380,
    helloTimeoutMs: options.helloTimeoutMs ?? 5000,
    maxWaitingPerConnection: options.maxWaitingPerConnection ?? 1000,
    lingerMs: options.lingerMs ?? 1000,
  };
  const connections = new Set<SpoeConnection>();
  const readInPlace = createReadInPlace();
  let stopping: Promise<void> | undefined;

  const server = createServer(
    // An ACK must not wait for a full segment, nor for the ACK of the segment before it.
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfterMs, pauseOnConnect: true },
    onConnection,
  );

  function onConnection(accepted: Socket): void {
    if (connections.size >= maxConnections && !makePlace()) {
      stats.connectionsRefused++;
      log.warn({ maxConnections }, 'SPOE: refusing a connection, the limit is reached and all are in use');
      accepted.destroy();
      return;
    }
    stats.connectionsOpen++;
    stats.connectionsTotal++;
    const address = addressKey(accepted.remoteAddress);
    const socket = readInPlace(accepted, (bytes) => connection.read(bytes));
    const connection = createConnection(socket, context, address, () => {
      connections.delete(connection);
      stats.connectionsOpen--;
    });
    connections.add(connection);
  }

  /** HAProxy opens a connection when it has a question for it: one that holds a place and asks nothing is not needed. */
  function makePlace(): boolean {
    const sinceMs = nowMs() - idleMs;
    const leaving = whoGoes(connections, (each) => each.canGo(sinceMs));
    if (leaving === undefined) return false;
    stats.connectionsDisplaced++;
    log.warn(
      { address: leaving.address, hasAsked: leaving.hasAsked },
      'SPOE: closing a silent connection for a new one',
    );
    connections.delete(leaving);
    leaving.destroy();
    return true;
  }

  async function stop(): Promise<void> {
    context.draining = true;
    await silence();
    const closed = new Promise<void>((resolve) => {
      if (server.listening) server.close(() => resolve());
      else resolve();
    });
    // One after the other: a question that crosses the goodbye of its connection is asked once more on another, which must not end just then.
    const together = Math.ceil(connections.size / mostGoodbyes);
    let ended = 0;
    for (const connection of connections) {
      connection.stop();
      ended++;
      if (ended % together === 0) await setTimeout(stopCheckIntervalMs);
    }
    while (connections.size > 0) await setTimeout(stopCheckIntervalMs);
    await closed;
  }

  /**
   * Waits until HAProxy asks nothing more. The silence is counted, not measured: after a moment without processor time, the questions of that moment
   * are read before the next tick.
   */
  async function silence(): Promise<void> {
    const startMs = nowMs();
    const isInUse = [...connections].some(({ hasAsked, lastMs }) => hasAsked && startMs - lastMs <= lateMs);
    const enoughChecks = isInUse && stats.healthchecks > 0 ? stats.healthchecks + failedChecks : 0;
    const quietTicks = Math.ceil(quietMs / stopCheckIntervalMs);
    for (let quiet = 0; quiet < quietTicks || stats.waiting > 0 || stats.healthchecks < enoughChecks; ) {
      const isAlone = connections.size === 0 && stats.healthchecks >= enoughChecks;
      if (isAlone || nowMs() - startMs >= drainTimeoutMs) return;
      const before = stats.framesIn.notify;
      await setTimeout(stopCheckIntervalMs);
      quiet = stats.framesIn.notify === before ? quiet + 1 : 0;
    }
  }

  return {
    stats,
    listen: (address) => listen(server, address, log),
    address: () => server.address(),
    stop: () => (stopping ??= stop()),
  };
}

async function listen(server: Server, address: ListenAddress, log: Logger): Promise<void> {
  // HAProxy runs as another user. What is asked here, everybody on the machine may ask over TCP too.
  const options = 'path' in address ? { readableAll: true, writableAll: true } : {};
  const listening = { who: 'SPOE', log, options };
  try {
    await listenOn(server, address, listening);
  } catch (error) {
    if (!('path' in address) || !isInUse(error) || (await isAlive(address.path))) throw error;
    await unlink(address.path);
    await listenOn(server, address, listening);
  }
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && errorCode(error.cause) === 'EADDRINUSE';
}

/** Whether a process accepts connections on a unix socket; the file of one that was killed stays behind. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
