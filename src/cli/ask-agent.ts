import { type ClientRequest, type IncomingMessage, type RequestOptions, request as requestOverHttp } from 'node:http';
import type * as z from 'zod/mini';
import { Problem } from '../api/schemas';
import { textAtMost } from '../wire';
import type { AgentAccess, AgentPlace } from './agent-options';
import { type ExitCode, exitCodes } from './terminal';
import { isUnderstood, type Tolerant, whatIsMissing } from './tolerant';

/** An answer of the agent, or what to say and with which code to end. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly exitCode: ExitCode; readonly message: string };

/** A change to ask for; its body is sent as JSON, with the token where it goes over TCP. */
export interface Order {
  readonly method: 'POST' | 'DELETE';
  readonly body: Readonly<Record<string, unknown>>;
}

const timeoutMs = 10_000;
/** A change waits until HAProxy has taken it over. */
const orderTimeoutMs = 20_000;
const largestAnswerBytes = 64 * 1024 * 1024;

/**
 * GET of a path of the HTTP API (or the change of an order), which must answer by the given contract within 10 seconds (20 for a change).
 * A place where nobody can be reached gives way to the next. What goes wrong is a value.
 */
export async function askAgent<T extends z.core.$ZodType>(
  { places, token }: AgentAccess,
  path: string,
  contract: T,
  order?: Order,
): Promise<Answer<Tolerant<T>>> {
  const failures: string[] = [];
  for (const place of places) {
    const waitMs = order === undefined ? timeoutMs : orderTimeoutMs;
    const signal = AbortSignal.timeout(waitMs);
    try {
      const body = order && JSON.stringify(order.body);
      const headers = { accept: 'application/json', ...(body === undefined ? {} : bodyHeaders(place, token, body)) };
      const response = await send(place, path, { method: order?.method ?? 'GET', headers, signal }, body);
      const answer = await textAtMost(response, largestAnswerBytes);
      if (answer === undefined) return noAgent(place, `its answer has more than ${largestAnswerBytes} bytes`);
      return readAnswer(place, response.statusCode ?? 0, answer, contract);
    } catch (error) {
      const reason = signal.aborted ? `no answer within ${waitMs / 1000} s` : reasonOf(error);
      failures.push(`no agent at ${placeName(place)}: ${reason}`);
      if (!isNobody(error)) break;
    }
  }
  return { ok: false, exitCode: exitCodes.unreachable, message: failures.join('; ') };
}

/**
 * Sends a request on a connection of its own and waits for the head of the answer. node:http, since a command should start at once: it is there already.
 * TLS, which takes as long to load as the rest, only where it is asked for.
 *
 * @throws (rejects) the system's error, e.g. ECONNREFUSED.
 */
export function send(
  { url, socketPath }: AgentPlace,
  path: string,
  options: RequestOptions,
  body?: string,
): Promise<IncomingMessage> {
  const { request } = url.startsWith('https:') ? process.getBuiltinModule('node:https') : { request: requestOverHttp };
  return new Promise((resolve, reject) => {
    const asked: ClientRequest = request(
      url + path,
      { ...options, agent: false, ...(socketPath === undefined ? {} : { socketPath }) },
      resolve,
    );
    asked.once('error', reject);
    asked.end(body);
  });
}

/** The place as a person looks it up. */
export function placeName({ url, socketPath }: AgentPlace): string {
  return socketPath ?? url;
}

/** Whether nobody was there at all, so that another place may be tried. */
export function isNobody(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException;
  return ['ECONNREFUSED', 'ENOENT', 'EACCES', 'EPERM', 'ENOTSOCK'].includes(code);
}

function bodyHeaders({ socketPath }: AgentPlace, token: string | undefined, body: string): Record<string, string> {
  const isOverTcp = socketPath === undefined;
  return {
    'content-type': 'application/json',
    // For DELETE node:http does not say it by itself.
    'content-length': String(Buffer.byteLength(body)),
    ...(isOverTcp && token !== undefined ? { authorization: `Bearer ${token}` } : {}),
  };
}

function readAnswer<T extends z.core.$ZodType>(
  place: AgentPlace,
  status: number,
  body: string,
  contract: T,
): Answer<Tolerant<T>> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return noAgent(place, `it answers ${status} and no JSON`);
  }
  if (status === 200) {
    if (isUnderstood(contract, json)) return { ok: true, value: json };
    const where = whatIsMissing(contract, json);
    return noAgent(place, `its answer lacks ${where === '' ? 'everything' : where}`);
  }
  return isUnderstood(Problem, json)
    ? { ok: false, exitCode: exitCodes.problem, message: problemText(status, json) }
    : noAgent(place, `it answers ${status}`);
}

/** A problem of the API in one line; where a token is missing, with how to give one here. */
export function problemText(status: number, { title, detail, allowed }: Tolerant<typeof Problem>): string {
  // A detail that is no sentence of its own goes on after a colon.
  const isSentence = typeof detail !== 'string' || /^[A-Z"]/.test(detail);
  return [
    `${title}${isSentence ? '.' : ':'}`,
    detail,
    typeof allowed === 'string' ? `Allowed: ${allowed}.` : undefined,
    status === 401 ? 'Here: --token-file, or MTXPILOT_HTTP_TOKEN.' : undefined,
  ]
    .filter((part) => typeof part === 'string')
    .join(' ');
}

function noAgent(place: AgentPlace, why: string): Answer<never> {
  const message = `what listens at ${placeName(place)} is not an mtxpilot agent: ${why}`;
  return { ok: false, exitCode: exitCodes.unreachable, message };
}

/** Why a request failed, in words. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return 'nobody listens there; is "mtxpilot agent" running, with this http.listen?';
  if (code === 'ENOENT') return 'no such socket; is "mtxpilot agent" running, with this http.adminSocket?';
  if (code === 'EACCES' || code === 'EPERM') return "no permission; only the agent's user may connect";
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'there is no host of that name';
  return code ?? message;
}
