import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** Why a source was given up; the words of logs, events and metrics. */
export const triggers = [
  /** No connection within its time, or refused. */
  'connect',
  /** Connected, but no headers within their time. */
  'headers',
  /** A status that is not 2xx. */
  'status',
  /** An answer that cannot be the stream: HTML or text with 200. */
  'type',
  /** The provider says that its limit of connections is reached. */
  'limit',
  /** More redirects than allowed, or to what is no URL of http(s). */
  'redirect',
  /** The address is one that the relay must not ask. */
  'forbidden',
  /** The connection broke in the middle. */
  'reset',
  /** A live stream ended in order, which none does. */
  'end',
  /** Nothing came for so long. */
  'stall',
  /** An operator asked for it. */
  'manual',
  /** No slot of its account is free. */
  'account',
  /** Not the source's doing: a card was played, and a source is back. */
  'card',
] as const;
export type Trigger = (typeof triggers)[number];

/** What went wrong with one source. */
export interface SourceFailure {
  readonly trigger: Trigger;
  /** The provider's, where it answered. */
  readonly status: number | undefined;
  /** What the provider's `Retry-After` asks for. */
  readonly retryAfterMs: number | undefined;
  /** What the source is instead of what it should be: a live transport stream, or HLS. */
  readonly found?: 'live' | 'hls' | undefined;
  /** In words for whoever may see the API: no path, no query, no credentials of the URL. */
  readonly reason: string;
}

/** Cookies that providers set: of one attempt with its redirects, or of all questions of a session. */
export interface CookieJar {
  add(url: URL, setCookie: readonly string[]): void;
  /** The `cookie` header for a host, with what the stream itself says. */
  of(url: URL, own: string | undefined): string | undefined;
}

/** What is asked of a provider. */
export interface SourceRequest {
  /** http or https, as stored: with its credentials. */
  readonly url: string;
  readonly method: 'GET' | 'HEAD';
  /** What the stream says: user agent, cookies and so on, names in lower case. They do not follow a redirect to another host, but for the user agent. */
  readonly headers: Readonly<Record<string, string>>;
  /** What the answer is to be used for; `media` (the default): text, HTML and nothing at all are then `type` failures. */
  readonly expects?: 'media' | 'any' | undefined;
  /** `Range` and `If-Range`, which follow every redirect. */
  readonly range?: { readonly range: string; readonly ifRange?: string | undefined } | undefined;
  /** Cookies that earlier answers set, and those that this one sets; without it, they last as long as the redirects. */
  readonly cookies?: CookieJar | undefined;
  /** Ends the attempt, and the connection after it, at once. */
  readonly signal: AbortSignal;
}

/** A provider's answer, its body not read yet (paused). Its status is 2xx; for requests with a range 416 as well. */
export interface OpenSource {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Where it was found after redirects. */
  readonly url: string;
  /** Fails when the connection breaks; neither fails nor ends when it is closed from here. Whoever gets it listens to it in the same turn. */
  readonly body: IncomingMessage;
  /** Closes the connection at once. Idempotent. */
  close(): void;
}

export type Opened =
  | { readonly source: OpenSource; readonly failure?: undefined }
  | { readonly failure: SourceFailure; readonly source?: undefined };

/** Asks providers; whether connections are kept for the next question is up to who makes it. */
export interface Provider {
  /** Never rejects. When `signal` was aborted, the failure says `reset`. */
  open(request: SourceRequest): Promise<Opened>;
}
