import type { RequestHandler, Response } from 'express';
import * as z from 'zod/mini';
import { ownValue } from '../wire';
import { type ProblemDetails, type ProblemName, respondProblem } from './problem';

/** Largest body of a request. */
export const bodyLimitBytes = 16 * 1024;

/** Reads a body of at most 16 KB as JSON; see `jsonReader`. */
export const readJson: RequestHandler = jsonReader(bodyLimitBytes);

/**
 * Makes what reads a body of at most so many bytes as JSON; a missing one is an empty object. Too long ones are refused without waiting for the rest
 * of them, which is why this is not express.json().
 * @param refuseText answers a body that is no JSON; `BadBody` when left out.
 */
export function jsonReader(
  mostBytes: number,
  refuseText: (res: Response, detail: string) => void = (res, detail) => respondProblem(res, 'BadBody', { detail }),
): RequestHandler {
  return (...handled) => readJsonBody(mostBytes, refuseText, ...handled);
}

function readJsonBody(
  mostBytes: number,
  refuseText: (res: Response, detail: string) => void,
  ...[req, res, next]: Parameters<RequestHandler>
): void {
  const refuse = (name: ProblemName, details: ProblemDetails): void => {
    // What is still on its way of this body is not waited for.
    respondProblem(res, name, details, ['connection', 'close']);
  };
  const tooLarge = (): void =>
    refuse('BodyTooLarge', { detail: 'The body is too large.', allowed: `at most ${mostBytes} bytes` });
  const chunks: Buffer[] = [];
  let length = 0;
  const onEnd = (): void => {
    try {
      req.body = length === 0 ? {} : (JSON.parse(decoder.decode(Buffer.concat(chunks))) as unknown);
    } catch {
      refuseText(res, 'The body is not JSON in UTF-8.');
      return;
    }
    next();
  };
  const onData = (chunk: Buffer): void => {
    length += chunk.length;
    if (length <= mostBytes) {
      chunks.push(chunk);
      return;
    }
    req.off('data', onData).off('end', onEnd).pause();
    tooLarge();
  };
  if (Number(req.headers['content-length'] ?? 0) > mostBytes) tooLarge();
  else req.on('data', onData).once('end', onEnd);
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Refuses bodies that do not say that they are JSON. A web page of another site cannot send that content type without asking first,
 * and nobody answers it that it may.
 */
export const onlyJson: RequestHandler = (req, res, next) => {
  const given = req.headers['content-type'];
  const isEmpty = req.headers['transfer-encoding'] === undefined && (req.headers['content-length'] ?? '0') === '0';
  const mayBeLeftOut = req.method === 'DELETE' && isEmpty;
  const isPlain = req.headers['content-encoding'] === undefined;
  if (mayBeLeftOut || (isPlain && /^application\/json *(; *charset="?utf-8"? *)?$/i.test(given ?? ''))) {
    next();
    return;
  }
  const detail = 'The header "content-type" must say that the body is JSON, and it must not be compressed.';
  respondProblem(res, 'NotJson', {
    detail,
    given: given ?? 'no content-type',
    allowed: 'content-type: application/json',
  });
};

/**
 * The body in its shape; undefined when it has another one, which is then answered with what the metadata of its field says of `allowed`.
 */
export function readBody<T extends z.ZodMiniObject>(res: Response, given: unknown, shape: T): z.output<T> | undefined {
  const read = z.safeParse(shape, given);
  if (read.success) return read.data;
  const allFields = `the fields ${Object.keys(shape.shape).join(', ')}`;
  const [issue] = read.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    const detail = `The body has a field "${issue.keys[0] ?? ''}" that is not known here.`;
    respondProblem(res, 'BadBody', { detail, given: issue.keys.join(', '), allowed: allFields });
    return undefined;
  }
  const field = String(issue?.path[0] ?? '');
  if (field === '') {
    respondProblem(res, 'BadBody', { detail: 'The body must be a JSON object.', allowed: allFields });
    return undefined;
  }
  const value = ownValue((given ?? {}) as Readonly<Record<string, unknown>>, field);
  const detail = value === undefined ? `The body lacks "${field}".` : `The field "${field}" is wrong.`;
  const { allowed } = z.globalRegistry.get(ownValue(shape.shape, field) ?? shape) ?? {};
  respondProblem(res, 'BadBody', {
    detail,
    ...(value === undefined ? {} : { given: typeof value === 'string' ? value : JSON.stringify(value) }),
    ...(typeof allowed === 'string' ? { allowed } : {}),
  });
  return undefined;
}
