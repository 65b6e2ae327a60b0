import { createHmac, randomBytes } from 'node:crypto';
import { isStreamName } from '../mediamtx';

/** Between stream and session in the keys of haproxy.cfg's table `sessions`; neither may contain it. */
const separator = '|';

const maxSessionLength = 64;

/**
 * Where the session begins in a key `stream|session`; -1 when it is no viewer's key: the stream is no stream's name, or the session neither the
 * value of `mtxs` nor an address.
 */
export function sessionStart(key: string): number {
  const at = key.lastIndexOf(separator);
  if (at < 0 || !isStreamName(key.slice(0, at))) return -1;
  const session = key.slice(at + 1);
  return session.length <= maxSessionLength && /^[0-9A-Za-z-]+$|^[0-9A-Fa-f.:]+$/.test(session) ? at + 1 : -1;
}

/**
 * Makes a function that gives the session to show. Who comes without `mtxs` is known to HAProxy by address: unless addresses may be shown, a word
 * stands for it that is the same as long as this process lives, and from which nobody can get at the address.
 */
export function createSessionNames(showAddresses: boolean): (session: string) => string {
  if (showAddresses) return (session) => session;
  const secret = randomBytes(32);
  return (session) =>
    /[.:]/.test(session)
      ? `address-${createHmac('sha256', secret).update(session).digest('hex').slice(0, 16)}`
      : session;
}
