import { unlink } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from '../log';
import { type RecordTime, recordNothing } from '../record-time';
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
  /** More are closed at once and counted as refused. Default 4096. */
  readonly maxConnections?: number;
  /** How long a connection may take for its HELLO. Afterwards there is no limit: HAProxy keeps connections. Default 5,000. */
  readonly helloTimeoutMs?: number;
  /** How many NOTIFYs of a connection may wait for lookups before it is no longer read. Default 1,000. */
  readonly maxWaitingPerConnection?: number;
  /** How long HAProxy may take to close after the agent did. Default 1,000. */
  readonly lingerMs?: number;
  /** At `stop`, how long all connections must have been silent before they are ended. Default 50. */
  readonly quietMs?: number;
  /**
   * At `stop`, how long questions that do not cease go on being answered. When it is longer than HAProxy's health check needs to notice
   * (`inter` times `fall`) and HAProxy asks only while the check passes, no question is lost. Default 2,000.
   */
  readonly drainTimeoutMs?: number;
}

/** Where to listen: TCP, or a unix socket. Port 0 takes a free one. */
export type SpoeListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export interface SpoeServer {
  /** Starts to accept connections. Rejects with the address and the reason when it cannot. A dead unix socket of the same name is replaced. */
  listen(address: SpoeListenAddress): Promise<void>;
  /** What it listens on; null when it does not. A string is the path of a unix socket. */
  address(): AddressInfo | string | null;
  /**
   * Stops gracefully: fails HAProxy's health checks (`option spop-check`) but goes on answering, on new connections too, until all are silent or
   * `drainTimeoutMs` is over; then accepts no more, answers what still waits with `unknown`, sends DISCONNECT and closes.
   * Resolves when all is closed.
   */
  stop(): Promise<void>;
  readonly stats: SpoeStats;
}

const stopCheckIntervalMs = 10;
/** A host that vanished without a word is noticed by TCP itself: there is no idle timeout. */
const keepAliveAfterMs = 30_000;

/** Makes the SPOE agent's server: it speaks SPOP 2.0 (HAProxy's doc/SPOE.txt) to every HAProxy that connects. */
export function createSpoeServer(options: SpoeServerOptions): SpoeServer {
  const stats = createSpoeStats();
  const { log, nowMs = () => performance.now(), quietMs = 50, drainTimeoutMs = 2000, maxConnections = 4096 } = options;
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
    if (connections.size >= maxConnections) {
      stats.connectionsRefused++;
      accepted.destroy();
      return;
    }
    stats.connectionsOpen++;
    stats.connectionsTotal++;
    const socket = readInPlace(accepted, (bytes) => connection.read(bytes));
    const connection = createConnection(socket, context, () => {
      connections.delete(connection);
      stats.connectionsOpen--;
    });
    connections.add(connection);
  }

  async function stop(): Promise<void> {
    context.draining = true;
    await silence();
    const closed = new Promise<void>((resolve) => {
      if (server.listening) server.close(() => resolve());
      else resolve();
    });
    while (connections.size > 0) {
      for (const connection of connections) connection.stop();
      await setTimeout(stopCheckIntervalMs);
    }
    await closed;
  }

  /** Waits until HAProxy asks nothing more. It sends its next question on whichever connection it likes, so all must be quiet. */
  async function silence(): Promise<void> {
    const startMs = nowMs();
    while (connections.size > 0 && nowMs() - startMs < drainTimeoutMs) {
      const sinceMs = nowMs() - quietMs;
      if ([...connections].every((connection) => connection.isQuiet(sinceMs))) return;
      await setTimeout(stopCheckIntervalMs);
    }
  }

  return {
    stats,
    async listen(address) {
      await listen(server, address);
      // From now on: no file descriptor was left for one connection. The others go on.
      server.on('error', (error) => log.error({ err: error }, 'SPOE: cannot accept a connection'));
    },
    address: () => server.address(),
    stop: () => (stopping ??= stop()),
  };
}

async function listen(server: Server, address: SpoeListenAddress): Promise<void> {
  try {
    await listenOnce(server, address);
  } catch (error) {
    if (!('path' in address) || !isInUse(error) || (await isAlive(address.path))) throw error;
    await unlink(address.path);
    await listenOnce(server, address);
  }
}

function listenOnce(server: Server, address: SpoeListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const name = 'path' in address ? address.path : `${address.host}:${address.port}`;
    const onError = (error: Error): void => {
      server.off('listening', onListening);
      reject(new Error(`SPOE: cannot listen on ${name}: ${error.message}`, { cause: error }));
    };
    const onListening = (): void => {
      server.off('error', onError);
      resolve();
    };
    server.once('error', onError);
    server.once('listening', onListening);
    // HAProxy runs as another user. What is asked here, everybody on the machine may ask over TCP too.
    server.listen('path' in address ? { ...address, readableAll: true, writableAll: true } : address);
  });
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE';
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
