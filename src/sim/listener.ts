import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { SimFault } from './fault';
import { type ReplyStyle, reply, replyError } from './reply';

/** Answers one request. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** One HTTP listener of a stand-in, with its fault. */
export interface Listener {
  /** Begins to listen. Rejects when the address is taken. */
  open(): Promise<void>;
  /** Stops listening and closes every connection at once, as the death of the process would. */
  close(): Promise<void>;
  /** The fault from now on; undefined for none. */
  setFault(fault: SimFault | undefined): Promise<void>;
  /** Open connections. */
  connections(): number;
}

/** Go closes idle connections after its read timeout; MediaMTX's `readTimeout` is 10 s. */
const IDLE_CONNECTION_MS = 10_000;

/** Replaces the body of whatever the handler answers with its first half. `isCut` keeps the promise of the whole length, and breaks it. */
function halveBody(response: ServerResponse, isCut: boolean): void {
  const pieces: Buffer[] = [];
  let status = 200;
  let headers: string[] = [];
  const keep = (chunk: unknown) => {
    if (typeof chunk === 'string' || Buffer.isBuffer(chunk)) pieces.push(Buffer.from(chunk));
    return true;
  };
  const writeHead = response.writeHead.bind(response);
  const write = response.write.bind(response);
  const end = response.end.bind(response);
  Object.assign(response, {
    writeHead(code: number, list: string[]) {
      status = code;
      headers = list.filter((_, index) => {
        const name = list[index - (index % 2)];
        return name?.toLowerCase() !== 'content-length';
      });
      return response;
    },
    write: keep,
    end(chunk: unknown) {
      keep(chunk);
      const body = Buffer.concat(pieces);
      const half = body.subarray(0, Math.floor(body.length / 2));
      writeHead(status, [...headers, 'Content-Length', String(isCut ? body.length : half.length)]);
      if (isCut) write(half, () => response.destroy());
      else end(half);
      return response;
    },
  });
}

/** A listener on one address and port. */
export function createListener(address: string, port: number, style: ReplyStyle, handler: Handler): Listener {
  let server: Server | undefined;
  let isWanted = false;
  let fault: SimFault | undefined;
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const stalled = new Set<() => void>();

  function later(delayMs: number, response: ServerResponse, act: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, delayMs);
    timers.add(timer);
    response.once('close', () => {
      clearTimeout(timer);
      timers.delete(timer);
    });
  }

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const exchange = { style, request, response };
    switch (fault?.kind) {
      case undefined:
      case 'refused': {
        handler(request, response);
        return;
      }
      case 'stall': {
        const release = () => handler(request, response);
        stalled.add(release);
        response.once('close', () => stalled.delete(release));
        return undefined;
      }
      case 'delay': {
        later(fault.delayMs, response, () => handler(request, response));
        return;
      }
      case 'unauthorized': {
        later(fault.delayMs ?? 0, response, () => replyError(exchange, 401, 'authentication error'));
        return;
      }
      case 'garbage': {
        reply(
          exchange,
          200,
          ['Content-Type', 'application/json; charset=utf-8'],
          '\u0000<html>}]{ not what you asked for',
        );
        return;
      }
      case 'truncated':
      case 'cut':
        halveBody(response, fault.kind === 'cut');
        {
          handler(request, response);
          return;
        }
      case 'status': {
        reply(exchange, fault.status, []);
        return;
      }
    }
  }

  async function listen(): Promise<void> {
    if (server) return;
    const fresh = createServer({ keepAliveTimeout: IDLE_CONNECTION_MS, noDelay: true }, onRequest);
    fresh.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      fresh.once('error', reject);
      fresh.listen({ host: address, port, backlog: 4096 }, () => {
        fresh.off('error', reject);
        resolve();
      });
    });
    server = fresh;
  }

  async function unlisten(): Promise<void> {
    const old = server;
    server = undefined;
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
    stalled.clear();
    const closed = new Promise<void>((resolve) => {
      if (old) old.close(() => resolve());
      else resolve();
    });
    for (const socket of sockets) socket.destroy();
    await closed;
    sockets.clear();
  }

  return {
    async open() {
      isWanted = true;
      if (fault?.kind !== 'refused') await listen();
    },
    async close() {
      isWanted = false;
      await unlisten();
    },
    async setFault(next) {
      fault = next;
      if (next?.kind === 'refused') await unlisten();
      else if (isWanted) await listen();
      if (next?.kind === 'stall') return;
      const waiting = [...stalled];
      stalled.clear();
      for (const release of waiting) release();
    },
    connections: () => sockets.size,
  };
}
