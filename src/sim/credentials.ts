import type { IncomingMessage } from 'node:http';

/** A user of `authInternalUsers`. */
export interface SimCredentials {
  readonly user: string;
  readonly password: string;
}

/** What a request's credentials are worth: wrong ones are answered differently from none. */
export type CredentialCheck = 'right' | 'none' | 'wrong';

/** The challenge that goes with 401 when no credentials were given. */
export const CHALLENGE = ['Www-Authenticate', 'Basic realm="mediamtx"'] as const;

function givenCredentials(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization ?? '';
  if (header.startsWith('Bearer ')) return header.slice('Bearer '.length);
  if (/^basic /i.test(header)) return Buffer.from(header.slice('Basic '.length), 'base64').toString('utf8');
  return undefined;
}

/** Checks Basic credentials, or `user:password` as a bearer token. Without `wanted`, everybody may. */
export function checkCredentials(request: IncomingMessage, wanted: SimCredentials | undefined): CredentialCheck {
  if (!wanted) return 'right';
  const given = givenCredentials(request);
  if (given === undefined || given === '' || given === ':') return 'none';
  return given === `${wanted.user}:${wanted.password}` ? 'right' : 'wrong';
}
