import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** One event as it arrived. */
export interface Arrival {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly event: { readonly id: string; readonly type: string; readonly data: Record<string, unknown> };
}

/** What a receiver does with an event; it must end the response, or not, as the test wants it. */
export type Behaviour = (arrival: Arrival, res: ServerResponse) => void;

/** A receiver of webhooks, whose behaviour the test sets. */
export interface Receiver {
  readonly url: string;
  readonly port: number;
  /** Everything that came, whatever was answered. */
  readonly arrivals: Arrival[];
  /** Those that were answered 2xx. */
  readonly accepted: Arrival[];
  behave(behaviour: Behaviour): void;
  stop(): Promise<void>;
}

export const accept: Behaviour = (_, res) => res.writeHead(204).end();
export const answer =
  (status: number, headers: Record<string, string> = {}, body = ''): Behaviour =>
  (_, res) =>
    res.writeHead(status, headers).end(body);

/** @param tls certificate and key, for https. @param port of an earlier one that was stopped. */
export async function startReceiver(tls?: { cert: string; key: string }, port = 0): Promise<Receiver> {
  let behaviour: Behaviour = accept;
  const arrivals: Arrival[] = [];
  const accepted: Arrival[] = [];
  const listener: RequestListener = (req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const arrival: Arrival = { headers: req.headers, body, event: JSON.parse(body) as Arrival['event'] };
      arrivals.push(arrival);
      res.on('finish', () => {
        if (res.statusCode >= 200 && res.statusCode < 300) accepted.push(arrival);
      });
      behaviour(arrival, res);
    });
  };
  const server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const at = (server.address() as AddressInfo).port;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${at}/hooks/mtx?key=1`,
    port: at,
    arrivals,
    accepted,
    behave(next) {
      behaviour = next;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
