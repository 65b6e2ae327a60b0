import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { z } from 'zod';
import { ownValue } from '../wire';

/** An answer with what only its connection tells. */
export interface ProbeAnswer {
  readonly ok: true;
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** The address of this machine that the other side sees; undefined where it is not known. */
  readonly localAddress: string | undefined;
  /** Wall-clock times (ms since 1970) around the answer's head. */
  readonly sentMs: number;
  readonly receivedMs: number;
}

export interface ProbeFailure {
  readonly ok: false;
  /** In words. */
  readonly reason: string;
}

export interface ProbeOptions {
  readonly method?: 'GET' | 'HEAD';
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly timeoutMs: number;
  /** Certificates are looked at; false where the certificate is not what is asked about. Default true. */
  readonly verifyCertificate?: boolean;
  readonly signal?: AbortSignal | undefined;
}

const largestBodyBytes = 4 * 1024 * 1024;

/** One request on a connection of its own, redirects not followed. `url` is http or https. Never rejects: failures are values. */
export function httpProbe(url: string, options: ProbeOptions): Promise<ProbeAnswer | ProbeFailure> {
  const { method = 'GET', username, password, timeoutMs, verifyCertificate = true, signal } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  const combined = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  return new Promise((done) => {
    const sentMs = Date.now();
    const fail = (error: NodeJS.ErrnoException): void =>
      done({ ok: false, reason: deadline.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error) });
    const settings = {
      method,
      agent: false,
      signal: combined,
      headers: { 'user-agent': 'mtxpilot-check', connection: 'close' },
      ...(username === undefined ? {} : { auth: `${username}:${password ?? ''}` }),
    };
    const onAnswer = (response: IncomingMessage): void => {
      const receivedMs = Date.now();
      const localAddress = response.socket.localAddress?.replace(/^::ffff:/, '');
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > largestBodyBytes) response.destroy(new Error(`more than ${largestBodyBytes} bytes`));
        else chunks.push(chunk);
      });
      response.once('error', fail);
      response.once('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        const { statusCode: status = 0, headers } = response;
        done({ ok: true, status, headers, body, localAddress, sentMs, receivedMs });
      });
    };
    try {
      const request = url.startsWith('https:')
        ? httpsRequest(url, { ...settings, rejectUnauthorized: verifyCertificate }, onAnswer)
        : httpRequest(url, settings, onAnswer);
      request.once('error', fail);
      request.end();
    } catch (error) {
      // A URL that cannot be asked for.
      fail(error as NodeJS.ErrnoException);
    }
  });
}

/** What a body says; undefined for what is no JSON, or of another shape. */
export function readJson<T>(shape: z.ZodType<T>, body: string): T | undefined {
  try {
    return shape.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  const reasons: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nobody listens there',
    ECONNRESET: 'the connection was reset',
    EHOSTUNREACH: 'there is no route to that host',
    ENOTFOUND: 'there is no host of that name',
    EADDRNOTAVAIL: 'this machine cannot connect to that address',
    ABORT_ERR: 'given up',
  };
  return ownValue(reasons, code ?? '') ?? message;
}
