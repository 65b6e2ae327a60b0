import type { IncomingMessage } from 'node:http';
import { formatDuration } from '../wire';
import { createDeadline, type Deadline } from './deadline';
import type { CookieJar, Opened, OpenSource, Provider, SourceFailure, SourceRequest } from './provider';
import { type AnswerHead, failureOf, failureOfAnswer } from './provider-answer';
import { type ConnectorOptions, createConnector } from './provider-connection';
import { createCookieJar, type Hop, headersOf, nextHop } from './provider-headers';
import { createProviderPool } from './provider-pool';
import { type Answer, ask, failureOfError, type ResponseTo } from './provider-request';
import { parseSourceUrl } from './source-url';

export interface ProviderOptions extends Pick<ConnectorOptions, 'guard' | 'ca'> {
  /** Of each connection, from the name's resolution on; default 3 s. */
  readonly connectTimeoutMs?: number;
  /** From the first connection to the headers of the stream, over all redirects; default 5 s. */
  readonly headersTimeoutMs?: number;
  /** Connections are used again once a body was read to its end; default: each question has one of its own. */
  readonly keepAlive?: boolean;
  /** Unix time; default: the system's. */
  readonly nowMs?: () => number;
}

export interface ClosableProvider extends Provider {
  /** Closes the connections that are kept. */
  close(): void;
}

const mostRedirects = 10;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What one call has asked so far. */
interface Attempt {
  readonly request: SourceRequest;
  readonly cookies: CookieJar;
  /** URLs, of which nothing is to be told. */
  readonly asked: string[];
  /** For the headers, from the first connection on. */
  deadline: Deadline | undefined;
}

/** Asks providers over HTTP. */
export function createProvider(options: ProviderOptions): ClosableProvider {
  const { guard, ca, connectTimeoutMs = 3_000, headersTimeoutMs = 5_000, nowMs = Date.now } = options;
  const connect = createConnector({ guard, ca, timeoutMs: connectTimeoutMs });
  const pool = options.keepAlive === true ? createProviderPool(connect) : undefined;

  /** What is told when waiting was ended from outside. */
  function endOf({ deadline }: Attempt): SourceFailure {
    if (deadline?.isOver !== true) return failureOf('reset', 'The attempt was ended.');
    return failureOf('headers', `There was no answer within ${formatDuration(headersTimeoutMs)}.`);
  }

  /** Asks at one URL. */
  async function askAt(hop: Hop, attempt: Attempt): Promise<Answer> {
    const { request, cookies, asked } = attempt;
    asked.push(hop.url.href);
    if (pool !== undefined) {
      attempt.deadline ??= createDeadline(request.signal, connectTimeoutMs + headersTimeoutMs);
      const { signal } = attempt.deadline;
      const headers = headersOf(hop, request, cookies, 'keep-alive');
      const answer = await pool.ask(hop.url, signal, { method: request.method, headers });
      return answer.failure !== undefined && signal.aborted ? { failure: endOf(attempt) } : answer;
    }
    const connectSignal = attempt.deadline?.signal ?? request.signal;
    const connected = await connect(hop.url, connectSignal);
    if (connected.failure !== undefined) return connectSignal.aborted ? { failure: endOf(attempt) } : connected;
    attempt.deadline ??= createDeadline(request.signal, headersTimeoutMs);
    const { signal } = attempt.deadline;
    const question = { method: request.method, headers: headersOf(hop, request, cookies) };
    const answer = await ask(connected.socket, hop.url, signal, question);
    return answer.failure !== undefined && signal.aborted ? { failure: endOf(attempt) } : answer;
  }

  /** An answer that is no redirect. */
  function settle(answer: ResponseTo, { url }: Hop, { request, asked, cookies }: Attempt): Opened {
    const { response } = answer;
    cookies.add(url, response.headers['set-cookie'] ?? []);
    // What follows the headers in the same packet may be wrong already, and nobody would hear of it any more.
    if (response.destroyed) return { failure: failureOfError(response.errored) };
    const failure = failureOfAnswer(headOf(response), request, asked, nowMs());
    if (failure === undefined) return { source: openSource(answer, url, request.signal) };
    answer.request.destroy();
    return { failure };
  }

  async function follow(first: URL, attempt: Attempt): Promise<Opened> {
    let hop: Hop = { url: first, isOwn: true };
    for (let redirects = 0; redirects <= mostRedirects; redirects++) {
      const answer = await askAt(hop, attempt);
      if (answer.failure !== undefined) return answer;
      const { status, headers } = headOf(answer.response);
      if (!redirectStatuses.has(status)) return settle(answer, hop, attempt);
      answer.request.destroy();
      attempt.cookies.add(hop.url, headers['set-cookie'] ?? []);
      const next = nextHop(hop, headers.location);
      if (next === undefined) {
        const reason = 'The provider redirected to what is no http or https URL.';
        return { failure: { ...failureOf('redirect', reason), status } };
      }
      hop = next;
    }
    return { failure: failureOf('redirect', `The provider redirected more than ${mostRedirects} times.`) };
  }

  return {
    async open(request) {
      const { url, problem } = parseSourceUrl(request.url);
      if (url === undefined) return { failure: failureOf('connect', problem) };
      const attempt: Attempt = {
        request,
        cookies: request.cookies ?? createCookieJar(),
        asked: [],
        deadline: undefined,
      };
      try {
        return await follow(url, attempt);
      } finally {
        attempt.deadline?.clear();
      }
    },
    close: () => pool?.close(),
  };
}

function headOf({ statusCode = 0, statusMessage = '', headers }: IncomingMessage): AnswerHead {
  return { status: statusCode, reasonPhrase: statusMessage, headers };
}

function openSource({ request, response }: ResponseTo, url: URL, signal: AbortSignal): OpenSource {
  const close = (): void => {
    response.destroy();
    request.destroy();
  };
  signal.addEventListener('abort', close, { once: true });
  request.once('close', () => signal.removeEventListener('abort', close));
  if (signal.aborted) close();
  const { status, headers } = headOf(response);
  return { status, headers, url: url.href, body: response, close };
}
