import { Agent, type ClientRequestArgs, request as httpRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SourceFailure } from './provider';
import { failureOf } from './provider-answer';
import { type Connector, portOf } from './provider-connection';
import { type Answer, failureOfError, maxHeaderSize, type Question } from './provider-request';

/** Connections to providers that are used again: for the many short questions of HLS. */
export interface ProviderPool {
  /** Asks over a connection that is free, or a new one. Never rejects. */
  ask(url: URL, signal: AbortSignal, question: Question): Promise<Answer>;
  /** Closes all of them. */
  close(): void;
}

/** How many are in use is bounded by the players that read them: a limit here would make players wait for slower ones. */
const mostFreePerHost = 16;
/** A connection that nobody uses is closed after this time; many servers do it after five seconds. */
const freeForMs = 4_000;

type AgentRequest = ClientRequestArgs & { readonly wanted?: { readonly url: URL; readonly signal: AbortSignal } };

/** @param connect checks each address; a connection that is used again goes to the address that was checked. */
export function createProviderPool(connect: Connector): ProviderPool {
  const agent = new Agent({
    keepAlive: true,
    maxFreeSockets: mostFreePerHost,
    timeout: freeForMs,
    scheduling: 'lifo',
  });
  /** Why there is no connection, by the error that the agent takes. */
  const failures = new WeakMap<Error, SourceFailure>();

  agent.getName = ({ wanted }: AgentRequest = {}) => (wanted === undefined ? '' : keyOf(wanted.url));
  agent.createConnection = ({ wanted }: AgentRequest, callback) => {
    if (wanted === undefined) throw new Error('asked for a connection to nowhere');
    // Its type wants a socket beside an error.
    const settle = callback as ((error: Error | null, socket?: Duplex) => void) | undefined;
    void connect(wanted.url, wanted.signal).then(({ socket, failure }) => {
      if (socket !== undefined) settle?.(null, socket);
      else {
        const error = new Error(failure.reason);
        failures.set(error, failure);
        settle?.(error);
      }
    });
    return undefined;
  };

  function askOnce(url: URL, signal: AbortSignal, { method, headers, body }: Question): Promise<Answer | 'again'> {
    return new Promise((resolve) => {
      const wanted = { url, signal };
      const asked: AgentRequest = { agent, method, path: url.pathname + url.search, headers, maxHeaderSize, wanted };
      const request = httpRequest(asked);
      const onAbort = (): void => void request.destroy();
      const settle = (answer: Answer | 'again'): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(answer);
      };
      request.once('response', (response) => {
        request.on('error', (error) => response.destroy(error));
        settle({ request, response });
      });
      request.on('error', (error) => {
        const failure = failures.get(error);
        if (failure !== undefined) settle({ failure });
        // The provider closed it at the moment when it was taken again.
        else if (request.reusedSocket && !signal.aborted) settle('again');
        else settle({ failure: failureOfError(error) });
      });
      request.once('close', () =>
        settle({ failure: failureOf('reset', 'The connection was closed without an answer.') }),
      );
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      request.end(body);
    });
  }

  return {
    async ask(url, signal, question) {
      for (let tries = 0; tries <= mostFreePerHost; tries++) {
        const answer = await askOnce(url, signal, question);
        if (answer !== 'again') return answer;
      }
      return { failure: failureOf('reset', 'The provider closes its connections without an answer.') };
    },
    close: () => agent.destroy(),
  };
}

/** Credentials are those of the question, not of the connection. */
function keyOf(url: URL): string {
  return `${url.protocol}//${url.hostname}:${portOf(url)}`;
}
