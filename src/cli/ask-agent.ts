import { type Dispatcher, request } from 'undici';
import type { z } from 'zod';
import { problemShape } from './api-shapes';
import { type ExitCode, exitCodes } from './terminal';

/** An answer of the agent, or what to say and with which code to end. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly exitCode: ExitCode; readonly message: string };

const timeoutMs = 10_000;
const largestAnswerBytes = 64 * 1024 * 1024;

/**
 * GET of a path of the HTTP API, which must answer in the given shape within 10 seconds.
 * `url` is where the agent listens, without a slash at its end. What goes wrong is a value.
 */
export async function askAgent<T>(url: string, path: string, shape: z.ZodType<T>): Promise<Answer<T>> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await request(url + path, { headers: { accept: 'application/json' }, signal });
    const body = await readBody(response.body);
    return body === undefined
      ? noAgent(url, `it answers with more than ${largestAnswerBytes} bytes`)
      : readAnswer(url, response.statusCode, body, shape);
  } catch (error) {
    const message = signal.aborted ? `no answer within ${timeoutMs / 1000} s` : reasonOf(error);
    return { ok: false, exitCode: exitCodes.unreachable, message: `no agent at ${url}: ${message}` };
  }
}

async function readBody(body: Dispatcher.ResponseData['body']): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > largestAnswerBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readAnswer<T>(url: string, status: number, body: string, shape: z.ZodType<T>): Answer<T> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return noAgent(url, `it answers ${status} and no JSON`);
  }
  if (status === 200) {
    const checked = shape.safeParse(json);
    if (checked.success) return { ok: true, value: checked.data };
    const where = checked.error.issues[0]?.path.join('.') ?? '';
    return noAgent(url, `its answer lacks ${where === '' ? 'everything' : where}`);
  }
  const problem = problemShape.safeParse(json);
  if (!problem.success) return noAgent(url, `it answers ${status}`);
  const { title, detail, allowed } = problem.data;
  const message = [`${title}.`, detail, typeof allowed === 'string' ? `Allowed: ${allowed}.` : undefined]
    .filter((part) => typeof part === 'string')
    .join(' ');
  return { ok: false, exitCode: exitCodes.problem, message };
}

function noAgent(url: string, why: string): Answer<never> {
  return { ok: false, exitCode: exitCodes.unreachable, message: `what listens at ${url} is no mtxpilot agent: ${why}` };
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return 'nobody listens there; is "mtxpilot agent" running, and http.listen set so?';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'there is no host of that name';
  return code ?? message;
}
