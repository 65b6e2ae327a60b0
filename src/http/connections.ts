import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Logger } from '../log';
import { addressKey, type PlaceHolder, whoGoes } from '../wire';
import type { HttpStats } from './http-stats';

type Socket = IncomingMessage['socket'];

export interface ConnectionsOptions {
  /** Open at a time. */
  readonly most: number;
  readonly handle: RequestListener;
  readonly stats: HttpStats;
  readonly log: Logger;
}

/** The connections of one listener: how many there may be, and how much each may ask at a time. */
export interface Connections {
  /**
   * Takes in a connection that was accepted. When all places are taken it gets that of the longest silent one that never asked; without one, of the
   * longest silent that has no answer coming. When every connection waits for an answer, it is closed.
   */
  accept(socket: Socket): void;
  /** Handles a request, or when the one before it on its connection is answered: one is in hand at a time, and one is begun in a turn of the event loop. */
  take: RequestListener;
}

interface Connection extends PlaceHolder {
  hasAsked: boolean;
  lastMs: number;
  current: ServerResponse | undefined;
  /** The turn of the event loop in which that was begun. */
  turn: number;
  waiting: (readonly [IncomingMessage, ServerResponse])[];
}

/** Requests that a connection may send ahead; whoever sends more is cut, because there is no other way to stop Node from parsing on. */
const mostAhead = 8;

export function createConnections({ most, handle, stats, log }: ConnectionsOptions): Connections {
  const connections = new Map<Socket, Connection>();
  let turn = 0;
  let isTurnMarked = false;

  function makePlace(): boolean {
    const leaving = whoGoes(connections.values(), ({ current }) => current === undefined || isDone(current));
    for (const [socket, connection] of connections) {
      if (connection !== leaving) continue;
      stats.connectionsDisplaced++;
      connections.delete(socket);
      socket.destroy();
      return true;
    }
    return false;
  }

  /** Nothing is left to be done but what the other end has to do: send the rest of its request, or read the answer. */
  function isDone(res: ServerResponse): boolean {
    return res.writableEnded || res.destroyed || !res.req.complete;
  }

  function markTurn(): void {
    if (isTurnMarked) return;
    isTurnMarked = true;
    setImmediate(() => {
      turn++;
      isTurnMarked = false;
    });
  }

  function begin(connection: Connection, req: IncomingMessage, res: ServerResponse): void {
    connection.hasAsked = true;
    connection.lastMs = performance.now();
    connection.current = res;
    connection.turn = turn;
    markTurn();
    handle(req, res);
  }

  function beginNext(connection: Connection, socket: Socket): void {
    const next = connection.waiting.shift();
    if (next === undefined || socket.destroyed) return;
    begin(connection, ...next);
    if (connection.waiting.length > 0) whenAnswered(connection, socket);
  }

  function whenAnswered(connection: Connection, socket: Socket): void {
    const { current } = connection;
    const goOn = (): void => void setImmediate(() => beginNext(connection, socket));
    if (current === undefined || current.writableFinished || current.destroyed) goOn();
    else current.once('close', goOn);
  }

  function isBusy({ current, turn: begunIn, waiting }: Connection): boolean {
    if (waiting.length > 0 || begunIn === turn) return true;
    return current !== undefined && !current.writableFinished && !current.destroyed;
  }

  return {
    accept(socket) {
      if (connections.size >= most && !makePlace()) {
        stats.connectionsRefused++;
        log.warn({ most }, 'refusing an HTTP connection: the limit is reached, and all others are waiting for answers');
        socket.destroy();
        return;
      }
      stats.connectionsTotal++;
      stats.connectionsOpen++;
      connections.set(socket, {
        address: addressKey(socket.remoteAddress),
        hasAsked: false,
        lastMs: performance.now(),
        current: undefined,
        turn: -1,
        waiting: [],
      });
      socket.once('close', () => {
        connections.delete(socket);
        stats.connectionsOpen--;
      });
    },
    take(req, res) {
      const { socket } = req;
      const connection = connections.get(socket);
      // It was cut, and Node goes on with what it has read of it.
      if (connection === undefined || socket.destroyed) return;
      if (!isBusy(connection)) {
        begin(connection, req, res);
        return;
      }
      if (connection.waiting.length >= mostAhead) {
        stats.connectionsCut++;
        log.warn(
          { address: connection.address, mostAhead },
          'closing an HTTP connection that sends too many requests without waiting for answers',
        );
        connection.waiting = [];
        connections.delete(socket);
        socket.destroy();
        return;
      }
      connection.waiting.push([req, res]);
      if (connection.waiting.length === 1) whenAnswered(connection, socket);
    },
  };
}
