import type { Duplex } from 'node:stream';
import { failure, type RuntimeResult, success } from './result';

export interface ExchangeLimits {
  /** From opening the connection to the last byte of the reply. */
  readonly timeoutMs: number;
  readonly maxReplyBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** Sends one command line and gives the reply's text. */
export type Exchange = (line: string, limits: ExchangeLimits) => Promise<RuntimeResult<string>>;

/**
 * One command on one connection. Without `prompt`, HAProxy answers one line, ends the reply with an empty line and closes
 * (management guide, "Unix Socket commands"). A reply without that empty line was cut short.
 *
 * `connect` opens a new stream; it may still be connecting. `name` is the address, for messages.
 * The reply is returned without its empty line; a command that has nothing to say gives an empty text. The stream is always destroyed.
 * The write side stays open until then: a client that half-closes asks HAProxy to hurry off.
 *
 * Errors: `unreachable`, `timeout`, `truncated`, `too-large`, `aborted`.
 */
export function exchangeOnce(name: string, connect: () => Duplex): Exchange {
  return (line, limits) =>
    new Promise((resolve) => {
      const { signal } = limits;
      if (signal?.aborted === true) {
        resolve(failure('aborted', `"${line}" was given up`));
        return;
      }
      const chunks: Buffer[] = [];
      let receivedBytes = 0;
      let settled = false;
      const stream = connect();

      const settle = (result: RuntimeResult<string>) => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        // The 'error' listener stays: a reset that arrives after destroy() must not become an uncaught exception.
        stream.destroy();
        resolve(result);
      };
      const abort = () => settle(failure('aborted', `"${line}" was given up`));
      const timer = setTimeout(() => {
        settle(failure('timeout', `${name} did not answer "${line}" within ${limits.timeoutMs} ms`));
      }, limits.timeoutMs);
      signal?.addEventListener('abort', abort);

      stream.on('data', (chunk: Buffer) => {
        receivedBytes += chunk.length;
        if (receivedBytes > limits.maxReplyBytes) {
          settle(failure('too-large', `${name} answered "${line}" with more than ${limits.maxReplyBytes} bytes`));
          return;
        }
        chunks.push(chunk);
      });
      stream.on('end', () => settle(wholeReply(name, line, Buffer.concat(chunks))));
      stream.on('error', (error: NodeJS.ErrnoException) => {
        // A reset behind a whole reply is only a way to close.
        const isConnected = receivedBytes > 0;
        settle(
          isConnected
            ? wholeReply(name, line, Buffer.concat(chunks))
            : failure('unreachable', cannotConnect(name, error)),
        );
      });
      stream.on('close', () => settle(wholeReply(name, line, Buffer.concat(chunks))));
      stream.write(`${line}\n`);
    });
}

function wholeReply(name: string, line: string, bytes: Buffer): RuntimeResult<string> {
  const text = bytes.toString('utf8');
  if (text === '\n') return success('');
  if (text.endsWith('\n\n')) return success(text.slice(0, -1));
  if (bytes.length === 0) return failure('truncated', `${name} closed the connection without answering "${line}"`);
  return failure('truncated', `${name} closed the connection in the middle of its answer to "${line}"`);
}

function cannotConnect(name: string, error: NodeJS.ErrnoException): string {
  const line = `is HAProxy running, with "stats socket ${name}" in its global section?`;
  switch (error.code ?? '') {
    case 'ENOENT':
      return `there is no socket ${name}: ${line}`;
    case 'ECONNREFUSED':
      return `nobody listens on ${name}: ${line}`;
    case 'EACCES':
    case 'EPERM':
      return `no permission to open ${name}: its "stats socket" line takes mode, user and group`;
    case 'ENOTSOCK':
      return `${name} is not a socket`;
    default:
      return `no connection to ${name}: ${error.code ?? error.message}`;
  }
}
