import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { parsedUrl } from '../wire';
import type { ProblemDetails, ProblemName } from './problem';

/** Who asks for a change, as far as the connection tells. */
export interface Caller {
  readonly via: 'admin socket' | 'token';
  /** Address and port of the other end; empty on the admin socket. */
  readonly from: string;
}

export type Access =
  | { readonly allowed: true; readonly caller: Caller }
  | { readonly allowed: false; readonly problem: ProblemName; readonly details: ProblemDetails };

export interface AccessOptions {
  /** The token that changes over TCP need; undefined: they are refused there. */
  readonly token: string | undefined;
  /** Whether a request came over the admin socket. */
  readonly isLocal: (req: IncomingMessage) => boolean;
  /** Where the admin socket is now; undefined when there is none. */
  readonly socketPath: () => string | undefined;
}

/**
 * Makes the check whether a request may change anything: over the admin socket (its file mode decides who may connect), or with
 * `Authorization: Bearer` and the token. Tokens are compared by their digests, in constant time. A browser says in `Origin` whose page
 * asks: pages of others are refused, whatever they know.
 */
export function createAccess(options: AccessOptions): (req: IncomingMessage) => Access {
  const { isLocal, socketPath } = options;
  const expected = options.token === undefined ? undefined : digest(options.token);

  const overSocket = (): string => {
    const path = socketPath();
    return path === undefined ? '' : `over the admin socket ${path}, or `;
  };

  return (req) => {
    const { origin, host } = req.headers;
    if (origin !== undefined && !isOwnOrigin(origin, host)) {
      const detail = 'The request comes from a web page of another site.';
      return refuse('ChangesRefused', {
        detail,
        given: origin,
        allowed: `no Origin, or that of ${host ?? 'this host'}`,
      });
    }
    if (isLocal(req)) return { allowed: true, caller: { via: 'admin socket', from: '' } };
    if (expected === undefined) {
      const detail = `No token is set, so nothing can be changed over TCP. Ask ${overSocket()}set http.token (MTXPILOT_HTTP_TOKEN) or http.tokenFile.`;
      return refuse('ChangesRefused', { detail });
    }
    const given = /^bearer +([\x21-\x7e]+) *$/i.exec(req.headers.authorization ?? '')?.[1];
    if (given === undefined || !timingSafeEqual(digest(given), expected)) {
      const what = given === undefined ? 'There is no token in the request' : 'The token is wrong';
      const detail = `${what}. Ask ${overSocket()}with "Authorization: Bearer" and the value of http.token.`;
      return refuse('NotAuthorized', { detail });
    }
    const { remoteAddress = '', remotePort = 0 } = req.socket;
    return { allowed: true, caller: { via: 'token', from: `${remoteAddress} ${remotePort}` } };
  };
}

function refuse(problem: ProblemName, details: ProblemDetails): Access {
  return { allowed: false, problem, details };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && parsedUrl(origin)?.host === host;
}
