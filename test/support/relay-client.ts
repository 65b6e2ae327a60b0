import { type IncomingMessage, request } from 'node:http';
import { until } from './until';

/** One player of a stream of the relay, as far as bytes go. */
export interface StreamReader {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Bytes so far; what came longer ago than `keepBytes` is counted only. */
  readonly length: number;
  bytes(): Buffer;
  /** Undefined while it goes on. */
  readonly ended: 'end' | 'broken' | undefined;
  /** Until so many bytes more have come than at the call. */
  more(bytes: number): Promise<void>;
  pause(): void;
  resume(): void;
  leave(): void;
}

export interface ReadOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: everything. */
  readonly keepBytes?: number;
}

/** Asks for a URL and reads on until it is told to leave. */
export function readStream(
  url: string,
  { headers = {}, keepBytes = Infinity }: ReadOptions = {},
): Promise<StreamReader> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent: false, headers });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      let kept = 0;
      let ended: StreamReader['ended'];
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        kept += chunk.length;
        while (kept - (chunks[0]?.length ?? 0) > keepBytes) kept -= chunks.shift()?.length ?? 0;
      });
      response.on('error', () => undefined);
      response.on('close', () => {
        ended = response.complete ? 'end' : 'broken';
      });
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        get length() {
          return length;
        },
        bytes: () => Buffer.concat(chunks),
        get ended() {
          return ended;
        },
        async more(bytes) {
          const wanted = length + bytes;
          await until(`${bytes} more bytes`, () => length >= wanted || ended !== undefined, 2);
        },
        pause: () => void response.pause(),
        resume: () => void response.resume(),
        leave: () => void response.destroy(),
      });
    });
    asked.end();
  });
}

/** The relay's API, as scripts call it. */
export async function callRelay(
  url: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly json: Record<string, unknown> }> {
  const response = await fetch(`${url}${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

/** Registers a stream. @returns its id. */
export async function addStream(url: string, source: string, ...failoverUrls: readonly string[]): Promise<string> {
  const { status, json } = await callRelay(url, 'POST', '/streams', { url: source, failover_urls: failoverUrls });
  if (status !== 200) throw new Error(`POST /streams: ${status} ${JSON.stringify(json)}`);
  return String(json['stream_id']);
}
