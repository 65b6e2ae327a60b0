import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { parsedUrl } from '../wire';
import type { RelayProblem } from './problems';
import { queryOf } from './query';

/** Why a caller is refused. */
export interface Refusal {
  readonly problem: Extract<RelayProblem, 'NoToken' | 'WrongToken' | 'OtherSite'>;
  readonly detail: string;
}

type Request = Pick<IncomingMessage, 'headers' | 'url' | 'method'>;

/**
 * Makes the check of callers: the token in `X-API-Token`, `?api_token=`, `Authorization: Bearer`, or as the password of `Basic` (which is how MediaMTX's
 * Control API is asked). Tokens are compared by their digests, in constant time. Without a token everybody may do everything, but for web pages of
 * other sites, which may change nothing.
 */
export function createTokenCheck(token: string | undefined): (req: Request) => Refusal | undefined {
  const expected = token === undefined ? undefined : digest(token);
  return (req) => {
    if (expected === undefined) return fromOtherSite(req) ? otherSite : undefined;
    const given = tokensOf(req);
    if (given.length === 0) return noToken;
    return given.some((one) => timingSafeEqual(digest(one), expected)) ? undefined : wrongToken;
  };
}

const noToken: Refusal = {
  problem: 'NoToken',
  detail: 'API token required: send it as X-API-Token, as Authorization: Bearer, or as the query parameter api_token.',
};
const wrongToken: Refusal = { problem: 'WrongToken', detail: 'Invalid API token' };
const otherSite: Refusal = { problem: 'OtherSite', detail: 'The request comes from a web page of another site.' };

function tokensOf({ headers, url = '' }: Request): string[] {
  const ofHeader = headers['x-api-token'];
  const ofQuery = queryOf(url)['api_token'];
  const authorization = headers.authorization ?? '';
  const bearer = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  const basic = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(authorization)?.[1];
  const login = basic === undefined ? undefined : Buffer.from(basic, 'base64').toString('utf8');
  const password = login?.slice(login.indexOf(':') + 1);
  const all = [ofHeader, ofQuery, bearer, password].flat();
  return all.flatMap((one) => one || []).slice(0, 4);
}

function fromOtherSite({ method, headers: { origin, host } }: Request): boolean {
  if (origin === undefined || method === 'GET' || method === 'HEAD') return false;
  return host === undefined || parsedUrl(origin)?.host !== host;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
