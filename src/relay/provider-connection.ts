import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { errorCode, errorText, formatDuration } from '../wire';
import type { AddressGuard } from './address-guard';
import { createDeadline } from './deadline';
import type { SourceFailure } from './provider';
import { failureOf } from './provider-answer';

export interface ConnectorOptions {
  readonly guard: AddressGuard;
  /** From the name's resolution to the end of TLS's handshake. */
  readonly timeoutMs: number;
  /** Certificates (PEM) of authorities that are trusted beside those that Node trusts. */
  readonly ca?: string | undefined;
}

export type Connected =
  | { readonly socket: Socket; readonly failure?: undefined }
  | { readonly failure: SourceFailure; readonly socket?: undefined };

/** Connects to the host of a URL, http or https. Never rejects; when the signal was aborted, the failure says `reset`. */
export type Connector = (url: URL, signal: AbortSignal) => Promise<Connected>;

/** What is read ahead of a reader that does not read; Node 22 would take 64 KB. */
const highWaterMark = 16 * 1024;
/** Before the next address of a host is tried; Node's 250 ms give up hosts that are merely far away. */
const attemptTimeoutMs = 1000;

/** Makes connections to addresses that the guard has checked. */
export function createConnector({ guard, timeoutMs, ca }: ConnectorOptions): Connector {
  // Made once: it reads a hundred certificates.
  const trusted = ca === undefined ? {} : { secureContext: createSecureContext({ ca: [...rootCertificates, ca] }) };

  return async (url, signal) => {
    const deadline = createDeadline(signal, timeoutMs);
    try {
      const { lookup, failure } = await guard.check(url, deadline.signal);
      const connected = failure === undefined ? await connect(url, deadline.signal, { lookup, trusted }) : { failure };
      if (connected.failure === undefined || !deadline.signal.aborted) return connected;
      if (!deadline.isOver) return { failure: failureOf('reset', 'The attempt was ended.') };
      return { failure: failureOf('connect', `There was no connection within ${formatDuration(timeoutMs)}.`) };
    } finally {
      deadline.clear();
    }
  };
}

interface SocketOptions {
  readonly lookup: LookupFunction;
  readonly trusted: { readonly secureContext?: SecureContext };
}

function connect(url: URL, signal: AbortSignal, { lookup, trusted }: SocketOptions): Promise<Connected> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isTls = url.protocol === 'https:';
  const autoSelectFamilyAttemptTimeout = attemptTimeoutMs;
  const where = { host, port: portOf(url), lookup, highWaterMark, noDelay: true, autoSelectFamilyAttemptTimeout };
  return new Promise((resolve) => {
    const socket = isTls ? connectTls({ ...where, ...trusted, ...named(host) }) : connectTcp(where);
    const onAbort = (): void => void socket.destroy();
    const settle = (connected: Connected): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(connected);
    };
    socket.once(isTls ? 'secureConnect' : 'connect', () => settle({ socket }));
    // Stays as long as the socket: whoever gets it hears of its end by `close`.
    socket.on('error', (error: Error) => settle({ failure: failureOf('connect', whyNot(error)) }));
    socket.once('close', () => settle({ failure: failureOf('connect', 'The connection was closed.') }));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** The port of a URL, its scheme's where it names none. */
export function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

/** Addresses are no server names (RFC 6066, 3). */
function named(host: string): { readonly servername?: string } {
  return isIP(host) === 0 ? { servername: host.replace(/\.$/, '') } : {};
}

function whyNot(error: Error): string {
  const code = errorCode(error);
  if (code === 'ECONNREFUSED') return 'The connection was refused.';
  if (code === 'ECONNRESET') return 'The connection was broken.';
  if (/^ERR_TLS|^ERR_SSL|CERT|^EPROTO|SELF_SIGNED|UNABLE_TO_/.test(code ?? '')) {
    return `The certificate or TLS is not accepted (${code ?? ''}).`;
  }
  return `The host cannot be reached (${code ?? errorText(error)}).`;
}
