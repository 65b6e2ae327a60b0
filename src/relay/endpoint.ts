import type { IncomingMessage } from 'node:http';
import type * as z from 'zod/mini';
import type { ProblemDetails, RawHeaders } from '../http';
import type { RelayProblem } from './problems';

/** What an answer is made of: lists may be made while they are sent. */
export type Made<T> = T extends readonly (infer Item)[]
  ? Iterable<Made<Item>>
  : T extends object
    ? { readonly [Key in keyof T]: Made<T[Key]> }
    : T;

/** Why a request is not done. */
export interface Refused {
  readonly problem: RelayProblem;
  readonly details: ProblemDetails;
}

export type Reply<T> =
  | { readonly body: Made<T>; readonly headers?: RawHeaders; readonly problem?: undefined }
  | Refused;

/** A request that was read and found right. */
export interface Call<Query, Body> {
  /** The parts of the path in braces. */
  readonly names: ReadonlyMap<string, string>;
  readonly query: Query;
  readonly body: Body;
  readonly req: IncomingMessage;
}

/** One method of one path: what it takes and answers, for the routes and the OpenAPI document alike. */
export interface EndpointOf<Query extends z.ZodMiniObject, Body extends z.ZodMiniType, Answer extends z.ZodMiniType> {
  readonly method: 'get' | 'post' | 'delete';
  /** As OpenAPI has it: `/streams/{stream_id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly query?: Query;
  readonly body?: Body;
  /** Whether a request without a body is as one with an empty object. */
  readonly mayLackBody?: boolean;
  readonly answer: Answer;
  /** Whether its answer has an entity tag; other methods than GET heed one in `If-Match`. */
  readonly isTagged?: boolean;
  /** Whether its lists may be long, so that they are made in steps, between the bytes of streams. */
  readonly isLong?: boolean;
  /** Whether it is open to callers without the token. */
  readonly isOpen?: boolean;
  readonly problems?: readonly RelayProblem[];
  readonly handle: (
    call: Call<z.output<Query>, z.output<Body>>,
  ) => Reply<z.output<Answer>> | Promise<Reply<z.output<Answer>>>;
}

/** An endpoint of whatever query, body and answer. */
export interface Endpoint extends Omit<EndpointOf<z.ZodMiniObject, z.ZodMiniType, z.ZodMiniType>, 'handle'> {
  readonly handle: (call: Call<unknown, unknown>) => Reply<unknown> | Promise<Reply<unknown>>;
}

/** An endpoint whose handler fits its schemas, for a list of several. */
export function endpoint<Query extends z.ZodMiniObject, Body extends z.ZodMiniType, Answer extends z.ZodMiniType>(
  made: EndpointOf<Query, Body, Answer>,
): Endpoint {
  // It is only ever called with what its own schemas read.
  return made as unknown as Endpoint;
}

export function refused(problem: RelayProblem, detail: string, more: Omit<ProblemDetails, 'detail'> = {}): Refused {
  return { problem, details: { detail, ...more } };
}
