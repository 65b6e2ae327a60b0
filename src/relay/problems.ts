import type { ServerResponse } from 'node:http';
import { type ProblemDetails, problemTitles, type RawHeaders, respondProblemKind } from '../http';

/** What can go wrong for callers of the relay; each name is a response in its OpenAPI document. */
export const relayProblems = {
  NoBackups: [400, 'The stream has no backups'],
  BadSettings: [400, 'A setting is wrong'],
  NoToken: [401, 'The API needs a token'],
  WrongToken: [403, 'The token is wrong'],
  OtherSite: [403, 'Pages of other sites may change nothing'],
  WrongChild: [403, 'The relay has not made this URL'],
  NoSuchPath: [404, 'No such path'],
  NoSuchStream: [404, 'No such stream'],
  NoSuchClient: [404, 'No such client'],
  NotOfSource: [404, 'It is of a source that is not played any more'],
  NoSuchSegment: [404, 'No such segment'],
  NoSuchWebhook: [404, 'No such webhook'],
  NoSuchOperation: [404, 'No such operation'],
  SourceNotFound: [404, 'No provider has this stream'],
  MethodNotAllowed: [405, 'Method not allowed'],
  NotAcceptable: [406, 'The stream cannot be had in this form'],
  SettingsContended: [409, 'Others change the settings at the same time'],
  Disconnected: [410, 'This player was disconnected'],
  SettingsChanged: [412, 'The settings are not those that the change was made for'],
  RangeNotSatisfiable: [416, 'The range is not in the file'],
  Unprocessable: [422, 'The body or a parameter is not what this path takes'],
  NotMoved: [500, 'No client could be moved'],
  InternalError: [500, 'Something went wrong here'],
  NotAvailable: [501, 'This relay does not do that'],
  NotDelivered: [502, 'The webhook did not take the event'],
  SourceFailed: [502, 'No provider of this stream can be played'],
  SourceBusy: [503, 'No connection to a provider of this stream is free'],
  NotBuffered: [503, 'There is not enough to play yet'],
  NotKept: [503, 'The change could not be stored'],
  TooManyStreams: [503, 'As many streams are stored as may be'],
  TooManyWebhooks: [503, 'As many webhooks are stored as may be'],
  NotReady: [503, 'The store does not work'],
  Stopping: [503, 'This relay is stopping'],
  SourceSilent: [504, 'No provider of this stream answers in time'],
  // What every program that speaks HTTP answers.
  BadParameter: problemTitles.BadParameter,
  BadRequest: problemTitles.BadRequest,
  BodyTooLarge: problemTitles.BodyTooLarge,
  UrlTooLong: problemTitles.UrlTooLong,
  NotJson: problemTitles.NotJson,
  UnknownHost: problemTitles.UnknownHost,
  HeadersTooLarge: problemTitles.HeadersTooLarge,
  RequestTimeout: problemTitles.RequestTimeout,
  Busy: problemTitles.Busy,
} as const;
export type RelayProblem = keyof typeof relayProblems;

/** Answers with a problem of the relay. */
export function respondRelayProblem(
  res: ServerResponse,
  name: RelayProblem,
  details: ProblemDetails,
  headers: RawHeaders = [],
): void {
  const [status, title] = relayProblems[name];
  respondProblemKind(res, { name, status, title }, details, headers);
}
