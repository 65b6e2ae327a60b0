import type { ServerResponse } from 'node:http';
import { type RawHeaders, respond } from './respond';

/** Everything that can go wrong for a caller; each name is a response in the OpenAPI document, where `type` points. */
export const problemTitles = {
  BadStreamName: [400, 'Not a stream name'],
  BadParameter: [400, 'A query parameter is missing or wrong'],
  BadBody: [400, 'The body is not what this path takes'],
  BadSettings: [400, 'The relay does not take these settings'],
  BadRequest: [400, 'Not a request that can be understood'],
  NotAuthorized: [401, 'Changes over TCP need a token'],
  ChangesRefused: [403, 'Changes are not allowed from here'],
  NoSuchPath: [404, 'No such path'],
  NoSuchStream: [404, 'No server has this stream'],
  NoSuchServer: [404, 'No such server'],
  NoSuchWebhook: [404, 'No such webhook'],
  NoSuchOperation: [404, 'No such operation'],
  NotMoved: [404, 'This stream is not moved'],
  MethodNotAllowed: [405, 'Method not allowed'],
  RequestTimeout: [408, 'The request took too long to arrive'],
  NotAHolder: [409, 'That server does not have the stream'],
  NotFailedOver: [409, 'No client was moved to another source'],
  SettingsChanged: [412, 'Somebody else has changed the settings meanwhile'],
  BodyTooLarge: [413, 'The body is too large'],
  UrlTooLong: [414, 'The URL is too long'],
  NotJson: [415, 'Only JSON is understood'],
  UnknownHost: [421, 'Nothing is answered under this name'],
  HeadersTooLarge: [431, 'The header fields are too large'],
  InternalError: [500, 'Something went wrong here'],
  NotAvailable: [501, 'This agent does not do that'],
  NotConfigured: [502, 'The relay did not change its settings'],
  NotReady: [503, 'Nothing is known about the servers yet'],
  Stopping: [503, 'This agent is stopping'],
  NoHaproxy: [503, 'HAProxy does not answer'],
  NotKept: [503, 'The change could not be stored'],
  NotRead: [503, 'The store cannot be read'],
  NotDelivering: [503, 'Events are not delivered by this agent now'],
  Busy: [503, 'Too many requests are in progress'],
  TooManyStreams: [503, 'Too many event streams are open'],
} as const;
export type ProblemName = keyof typeof problemTitles;

/** What a problem says beyond its title. */
export interface ProblemDetails {
  /** One sentence for people: what happened, and what to do. */
  readonly detail: string;
  /** What the caller sent, cut to a readable length. */
  readonly given?: string;
  readonly allowed?: string;
  /** The same in MediaMTX's words, where its API is spoken. */
  readonly error?: string;
}

const givenLimit = 256;

/** A kind of problem: its name in the OpenAPI document, where `type` points, its status and its title. */
interface ProblemKind {
  readonly name: string;
  readonly status: number;
  readonly title: string;
}

function kindOf(name: ProblemName): ProblemKind {
  const [status, title] = problemTitles[name];
  return { name, status, title };
}

/** The body of a problem as RFC 9457 has it. */
export function problemBody(name: ProblemName, details: ProblemDetails): string {
  return bodyOf(kindOf(name), details);
}

function bodyOf({ name, status, title }: ProblemKind, details: ProblemDetails): string {
  const { detail, given, allowed, error } = details;
  return JSON.stringify({
    type: `/openapi.json#/components/responses/${name}`,
    title,
    status,
    detail,
    given: given !== undefined && given.length > givenLimit ? `${given.slice(0, givenLimit)}…` : given,
    allowed,
    error,
  });
}

/** Answers with a problem (RFC 9457, `application/problem+json`). */
export function respondProblem(
  res: ServerResponse,
  name: ProblemName,
  details: ProblemDetails,
  headers: RawHeaders = [],
): void {
  respondProblemKind(res, kindOf(name), details, headers);
}

/** The same with a problem of a program's own. */
export function respondProblemKind(
  res: ServerResponse,
  kind: ProblemKind,
  details: ProblemDetails,
  headers: RawHeaders = [],
): void {
  respond(res, kind.status, 'application/problem+json', bodyOf(kind, details), headers);
}

/** A query parameter that is wrong: what it is called, what was given, what is allowed. */
export interface BadParameter {
  readonly parameter: string;
  readonly given: string;
  readonly allowed: string;
}

/** Answers that a query parameter (or a header) is wrong. */
export function respondBadParameter(res: ServerResponse, { parameter, given, allowed }: BadParameter): void {
  const detail = `The parameter "${parameter}" is wrong.`;
  respondProblem(res, 'BadParameter', { detail, given, allowed });
}
