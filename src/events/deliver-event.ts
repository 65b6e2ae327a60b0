import { Agent, type Dispatcher } from 'undici';
import { errorCode, errorText, isRecord } from '../wire';
import type { StoredEvent } from './event';
import { signWebhook } from './webhook-signature';

/** Where one receiver listens, and what it is to know us by. */
export interface Receiver {
  readonly url: string;
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string | undefined;
  /** `whsec_…`: then every attempt is signed. */
  readonly secret?: string | undefined;
  /** Of one attempt, from connecting to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Sent as well, names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Instead of CloudEvents. */
  readonly format?: EventFormat | undefined;
}

/** How an event is told to a receiver that does not know CloudEvents. */
export interface EventFormat {
  readonly contentType: string;
  /** @param streamId what the receiver called the stream, if it did. */
  readonly body: (event: StoredEvent, streamId: string | undefined) => string;
  /** What follows the path of the receiver's URL; nothing when left out. */
  readonly path?: (event: StoredEvent) => string;
  /** What the receiver calls the stream, by its answer as JSON; of no interest when left out. */
  readonly streamIdOf?: (answer: unknown) => string | undefined;
}

export const deliveryFailures = ['gone', 'bad_status', 'timeout', 'tls', 'unreachable'] as const;
export type DeliveryFailure = (typeof deliveryFailures)[number];

/** How one attempt ended. */
export type DeliveryAttempt =
  | {
      readonly ok: true;
      /** What the receiver calls the stream from now on, if it said so. */
      readonly streamId: string | undefined;
      readonly tookMs: number;
    }
  | {
      readonly ok: false;
      readonly failure: DeliveryFailure;
      /** In a sentence; without the URL, which may hold secrets. */
      readonly detail: string;
      readonly retryAfterMs: number | undefined;
      readonly tookMs: number;
    };

/** Takes events to one receiver over kept connections. */
export interface EventPost {
  /** One attempt; never throws. `streamId` is what the receiver called the stream. */
  deliver(event: StoredEvent, streamId: string | undefined): Promise<DeliveryAttempt>;
  close(): Promise<void>;
}

const maxAnswerBytes = 64 * 1024;
const maxStreamIdLength = 256;

/** @param nowMs Unix time, which is signed. */
export function createEventPost(receiver: Receiver, nowMs: () => number = Date.now): EventPost {
  const { timeoutMs, token, secret, format } = receiver;
  const url = new URL(receiver.url);
  // Redirects are not followed: what is signed for one receiver is not shown to another.
  const agent = new Agent({ connections: 8, pipelining: 1, connect: { timeout: timeoutMs }, keepAliveTimeout: 30_000 });
  const headers: Record<string, string> = {
    accept: 'application/json',
    'user-agent': 'mtxpilot',
    ...receiver.headers,
    'content-type': format?.contentType ?? 'application/cloudevents+json; charset=utf-8',
  };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;

  async function attempt(event: StoredEvent, streamId: string | undefined, signal: AbortSignal): Promise<Reply> {
    const told = streamId === undefined ? event : { ...event, data: { ...event.data, stream_id: streamId } };
    const body = format === undefined ? JSON.stringify(told) : format.body(event, streamId);
    const path = format?.path === undefined ? url.pathname : url.pathname.replace(/\/$/, '') + format.path(event);
    const timestampSeconds = Math.floor(nowMs() / 1000);
    const signed = secret === undefined ? {} : signWebhook(secret, { id: event.id, timestampSeconds, body });
    const answer = await agent.request({
      origin: url.origin,
      path: path + url.search,
      method: 'POST',
      headers: { ...headers, ...signed },
      body,
      signal,
    });
    const text = await readStart(answer.body);
    return { status: answer.statusCode, retryAfter: answer.headers['retry-after'], text };
  }

  return {
    async deliver(event, streamId) {
      const startedMs = performance.now();
      const tookMs = (): number => performance.now() - startedMs;
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), timeoutMs);
      try {
        const { status, retryAfter, text } = await attempt(event, streamId, deadline.signal);
        if (status >= 200 && status < 300) {
          const readId = format === undefined ? streamIdOf : format.streamIdOf;
          return { ok: true, streamId: readId?.(jsonOf(text)), tookMs: tookMs() };
        }
        const failure = status === 410 ? 'gone' : 'bad_status';
        const retryAfterMs = retryAfterMsOf(retryAfter, nowMs());
        return { ok: false, failure, detail: `it answers ${status}`, retryAfterMs, tookMs: tookMs() };
      } catch (error) {
        const [failure, detail] = deadline.signal.aborted
          ? (['timeout', `no complete answer within ${timeoutMs} ms`] as const)
          : whyNot(error);
        return { ok: false, failure, detail, retryAfterMs: undefined, tookMs: tookMs() };
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => agent.destroy(),
  };
}

interface Reply {
  readonly status: number;
  readonly retryAfter: string | string[] | undefined;
  /** Undefined when it is longer than anything that is looked for in it. */
  readonly text: string | undefined;
}

/** Reads to the end, so that an answer that is cut short is none; keeps no more than could be useful. */
async function readStart(body: Dispatcher.ResponseData['body']): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= maxAnswerBytes) chunks.push(chunk);
    // Who sends without an end has taken the event; the connection is given up.
    else if (length > 16 * maxAnswerBytes) break;
  }
  return length <= maxAnswerBytes ? Buffer.concat(chunks).toString('utf8') : undefined;
}

/** The object in an answer; an answer that is none is as good as any other. */
function jsonOf(text: string | undefined): unknown {
  if (text === undefined || !text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function streamIdOf(answer: unknown): string | undefined {
  const given = isRecord(answer) ? answer['stream_id'] : undefined;
  const id = typeof given === 'number' ? String(given) : given;
  return typeof id === 'string' && id !== '' && id.length <= maxStreamIdLength ? id : undefined;
}

/** RFC 9110, 10.2.3: seconds or a date. */
function retryAfterMsOf(value: string | string[] | undefined, nowMs: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const dateMs = Date.parse(value);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}

function whyNot(error: unknown): readonly [DeliveryFailure, string] {
  const reason = errorCode(error) ?? errorText(error);
  const isTls = /^ERR_TLS|^ERR_SSL|CERT|^EPROTO|SELF_SIGNED|UNABLE_TO_/.test(reason);
  return isTls ? ['tls', `its certificate or TLS is not accepted: ${reason}`] : ['unreachable', reason];
}
