import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { errorCode } from '../wire';
import type { SourceFailure } from './provider';
import { failureOf } from './provider-answer';

export const maxHeaderSize = 16 * 1024;

export interface Question {
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Names and values in turn; all that are sent. */
  readonly headers: string[];
  readonly body?: string;
}

export interface ResponseTo {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
  readonly failure?: undefined;
}

export type Answer = ResponseTo | { readonly failure: SourceFailure; readonly response?: undefined };

/**
 * Sends one request over a connection and waits for the head of its answer; without one, the connection is closed. Never rejects. The body of the answer is
 * paused, and ends with an error when the connection breaks.
 */
export function ask(
  socket: IncomingMessage['socket'],
  url: URL,
  signal: AbortSignal,
  { method, headers, body }: Question,
): Promise<Answer> {
  return new Promise((resolve) => {
    const path = url.pathname + url.search;
    const request = httpRequest({ createConnection: () => socket, method, path, headers, maxHeaderSize });
    const onAbort = (): void => void socket.destroy();
    const settle = (answer: Answer): void => {
      signal.removeEventListener('abort', onAbort);
      if (answer.response === undefined) socket.destroy();
      resolve(answer);
    };
    request.once('response', (response) => {
      // Without this, a body that has no length would end in order when its connection breaks.
      request.on('error', (error) => response.destroy(error));
      settle({ request, response });
    });
    // Stays as long as the request: an error may come at any time, and after the answer it is the body's.
    request.on('error', (error) => settle({ failure: failureOfError(error) }));
    // Also of what is neither an answer nor an error, such as an upgrade.
    request.once('close', () =>
      settle({ failure: failureOf('reset', 'The connection was closed without an answer.') }),
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    request.end(body);
  });
}

/** Why there is no answer, or none that can be read. */
export function failureOfError(error: Error | null): SourceFailure {
  const code = errorCode(error) ?? '';
  if (code === 'HPE_HEADER_OVERFLOW') return failureOf('type', 'The headers of the answer are too large.');
  if (code.startsWith('HPE_')) return failureOf('type', 'The answer is no HTTP.');
  return failureOf('reset', 'The connection was closed without an answer.');
}
