import type { Duplex } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { failure, type RuntimeResult, success } from './result';

/** Takes one line of a reply, without its newline. A failure stops the reading, and becomes the result of the command. */
export type LineSink = (line: string) => RuntimeResult<never> | undefined;

/** One command as it is sent. */
export interface ExchangeRequest {
  /** The command line without its newline; messages name it. */
  readonly line: string;
  /** ` <<`, newline, lines and empty line; see payloadText. */
  readonly payload?: string | undefined;
  /** Takes the reply line by line instead; the result's text is empty then. */
  readonly onLine?: LineSink | undefined;
}

export interface ExchangeLimits {
  /** From opening the connection to the last byte of the reply. */
  readonly timeoutMs: number;
  readonly maxReplyBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** Sends one command and gives the reply's text. */
export type Exchange = (request: ExchangeRequest, limits: ExchangeLimits) => Promise<RuntimeResult<string>>;

/**
 * One command on one connection. Without `prompt`, HAProxy answers one line, ends the reply with an empty line and closes
 * (management guide, "Unix Socket commands"). A reply without that empty line was cut short.
 *
 * Why not one connection that stays open with `prompt`: a connection costs HAProxy and us some 50 to 120 µs a command, nothing beside a poll a second,
 * and 10 ms of the 100,000 routes. In return the end of a reply is never guessed from its text (`show env` prints empty lines), a reply that came
 * too late can never be taken for the next one, and no connection keeps a reloaded HAProxy's old process alive, or asks it.
 *
 * `connect` opens a new stream; it may still be connecting. `name` is the address, for messages.
 * The reply is returned without its empty line; a command that has nothing to say gives an empty text. The stream is always destroyed.
 * The write side stays open until then: a client that half-closes asks HAProxy to hurry off.
 *
 * Errors: `unreachable`, `timeout`, `unanswered`, `truncated`, `too-large`, `aborted`, and whatever `onLine` refuses with.
 */
export function exchangeOnce(name: string, connect: () => Duplex): Exchange {
  return ({ line, payload = '\n', onLine }, limits) =>
    new Promise((resolve) => {
      const { signal } = limits;
      if (signal?.aborted === true) {
        resolve(failure('aborted', `"${line}" was given up`));
        return;
      }
      const collected = onLine === undefined ? collectText() : collectLines(onLine);
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
      const end = () => settle(wholeReply(name, line, collected, receivedBytes));
      const abort = () => settle(failure('aborted', `"${line}" was given up`));
      const timer = setTimeout(() => {
        settle(failure('timeout', `${name} did not answer "${line}" within ${limits.timeoutMs} ms`));
      }, limits.timeoutMs);
      signal?.addEventListener('abort', abort);

      stream.on('data', (chunk: Buffer) => {
        if (settled) return;
        receivedBytes += chunk.length;
        if (receivedBytes > limits.maxReplyBytes) {
          settle(failure('too-large', `${name} answered "${line}" with more than ${limits.maxReplyBytes} bytes`));
          return;
        }
        const refused = collected.push(chunk);
        if (refused === 'line-too-long') {
          settle(failure('too-large', `${name} answered "${line}" with a line that does not end`));
        } else if (refused !== undefined) settle(refused);
      });
      stream.on('end', end);
      stream.on('error', (error: NodeJS.ErrnoException) => {
        // A reset behind a whole reply is only a way to close; before it, it is HAProxy that had no more room for what we sent.
        if (receivedBytes > 0 || error.code === 'ECONNRESET' || error.code === 'EPIPE') end();
        else settle(failure('unreachable', cannotConnect(name, error)));
      });
      stream.on('close', end);
      stream.write(line + payload);
    });
}

interface Collected {
  /** Takes bytes as they come. Gives what a sink refused, or 'line-too-long'. */
  push(chunk: Buffer): RuntimeResult<never> | 'line-too-long' | undefined;
  /** The reply without its last, empty line; undefined when that is missing. */
  text(): string | undefined;
  /** How a reply begins that was not whole. */
  beginning(): string;
}

function collectText(): Collected {
  const chunks: Buffer[] = [];
  return {
    push(chunk) {
      chunks.push(chunk);
      return undefined;
    },
    text() {
      const text = Buffer.concat(chunks).toString('utf8');
      if (text === '\n') return '';
      return text.endsWith('\n\n') ? text.slice(0, -1) : undefined;
    },
    beginning: () => Buffer.concat(chunks).toString('latin1', 0, 200),
  };
}

const longestLine = 64 * 1024;

/**
 * Splits a reply into lines while it arrives, so that a long one is never held as a whole. The empty line at the end is not passed on;
 * empty lines before it are.
 */
function collectLines(sink: LineSink): Collected {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let emptyLines = 0;

  return {
    push(chunk) {
      const text = rest + decoder.write(chunk);
      let start = 0;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
        const line = text.slice(start, end);
        start = end + 1;
        if (line === '') {
          emptyLines += 1;
          continue;
        }
        for (; emptyLines > 0; emptyLines--) {
          const refused = sink('');
          if (refused !== undefined) return refused;
        }
        const refused = sink(line);
        if (refused !== undefined) return refused;
      }
      rest = text.slice(start);
      return rest.length > longestLine ? 'line-too-long' : undefined;
    },
    text: () => (rest === '' && emptyLines > 0 ? '' : undefined),
    beginning: () => '',
  };
}

function wholeReply(name: string, line: string, reply: Collected, bytes: number): RuntimeResult<string> {
  const text = reply.text();
  if (text !== undefined) return success(text);
  if (bytes === 0) return failure('unanswered', `${name} closed the connection without answering "${line}"`);
  // The one answer that HAProxy (3.0 and newer) gives without an empty line; it closes behind it.
  if (/^The command (line )?is too big for the buffer size/.test(reply.beginning())) {
    return failure('too-large', `"${line}" does not fit the tune.bufsize of HAProxy at ${name}`);
  }
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
