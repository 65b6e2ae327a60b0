import type { IncomingMessage } from 'node:http';
import { formatDuration, isRecord, textAtMost } from '../wire';
import { createDeadline } from './deadline';
import type { SourceFailure } from './provider';
import { type ConnectorOptions, createConnector } from './provider-connection';
import { basicAuthOf } from './provider-headers';
import { ask } from './provider-request';
import { parseSourceUrl } from './source-url';

/** What a stream's resolver is told of the source that failed. */
export interface ResolverQuestion {
  readonly resolverUrl: string;
  readonly currentUrl: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Of the source that failed, among the backups; 0 for the primary one too. */
  readonly failoverIndex: number;
  /** The provider's, where it answered. */
  readonly status: number | undefined;
  readonly reason: string;
  readonly signal: AbortSignal;
}

export type ResolverAnswer =
  /** A source URL that has been checked; not its address, which is looked at when it is opened. */
  | { readonly url: string; readonly problem?: undefined }
  /** Why there is none, in a sentence without the URLs. */
  | { readonly problem: string; readonly url?: undefined };

/** Asks the service that a stream names where to go on. */
export interface Resolver {
  /** Never rejects. */
  next(question: ResolverQuestion): Promise<ResolverAnswer>;
}

export interface ResolverOptions extends Pick<ConnectorOptions, 'guard' | 'ca'> {
  /** Of a whole answer; default 10 s. */
  readonly timeoutMs?: number;
}

const mostBytes = 64 * 1024;

/** Redirects are not followed: what is told is for one service only. */
export function createResolver({ guard, ca, timeoutMs = 10_000 }: ResolverOptions): Resolver {
  const connect = createConnector({ guard, ca, timeoutMs });
  return {
    async next(question) {
      const { url, problem } = parseSourceUrl(question.resolverUrl);
      if (url === undefined) return { problem };
      const body = JSON.stringify({
        current_url: question.currentUrl,
        metadata: question.metadata,
        current_failover_index: question.failoverIndex,
        status_code: question.status ?? null,
        reason: question.reason,
      });
      const deadline = createDeadline(question.signal, timeoutMs);
      try {
        const { socket, failure } = await connect(url, deadline.signal);
        const answer = socket === undefined ? unanswered(failure) : await post(socket, url, body, deadline.signal);
        if (!deadline.isOver) return answer;
        return { problem: `The resolver did not answer within ${formatDuration(timeoutMs)}.` };
      } finally {
        deadline.clear();
      }
    },
  };
}

function unanswered({ reason }: SourceFailure): ResolverAnswer {
  return { problem: `The resolver did not answer. ${reason}` };
}

async function post(
  socket: IncomingMessage['socket'],
  url: URL,
  body: string,
  signal: AbortSignal,
): Promise<ResolverAnswer> {
  const authorization = basicAuthOf(url);
  const headers = [
    ...['host', url.host, 'user-agent', 'mtxpilot', 'accept', 'application/json', 'accept-encoding', 'identity'],
    ...['content-type', 'application/json', 'content-length', String(Buffer.byteLength(body)), 'connection', 'close'],
    ...(authorization === undefined ? [] : ['authorization', authorization]),
  ];
  const { response, failure } = await ask(socket, url, signal, { method: 'POST', headers, body });
  if (response === undefined) return unanswered(failure);
  const { statusCode: status = 0 } = response;
  const isGood = status >= 200 && status <= 299;
  const text = isGood ? await readText(response, signal) : undefined;
  socket.destroy();
  if (!isGood) return { problem: `The resolver answered ${status}.` };
  return text === undefined ? { problem: 'The answer of the resolver is cut short or too long.' } : urlOf(text);
}

/** Undefined when it is too long, broken, or when the signal is aborted. */
async function readText(response: IncomingMessage, signal: AbortSignal): Promise<string | undefined> {
  const onAbort = (): void => void response.destroy(new Error('The attempt was ended.'));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await textAtMost(response, mostBytes);
  } catch {
    // However it broke, there is no whole answer.
    return undefined;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function urlOf(text: string): ResolverAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return { problem: 'The answer of the resolver is no JSON.' };
  }
  const next = isRecord(answer) ? answer['next_url'] : undefined;
  if (typeof next !== 'string' || next === '') return { problem: 'The resolver knows no other URL.' };
  const { url, problem } = parseSourceUrl(next);
  return url === undefined ? { problem: `The resolver gave a wrong URL. ${problem}` } : { url: next };
}
