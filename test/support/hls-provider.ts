import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import type { Opened, Provider, SourceFailure, SourceRequest } from '../../src/relay/provider';

/** How a URL is answered. */
export type HlsAnswer =
  | string
  | Buffer
  /** Never; until the request is aborted. */
  | { readonly isSilent: true }
  | { readonly failure: Partial<SourceFailure> }
  /** Found at another URL, after redirects. */
  | { readonly at: string; readonly body: string | Buffer }
  /** The body begins and does not end. */
  | { readonly begins: Buffer };

/** A provider of HLS in memory. What is not set is 404. */
export interface HlsProvider extends Provider {
  set(url: string, answer: HlsAnswer | ((request: SourceRequest) => HlsAnswer)): void;
  readonly requests: readonly SourceRequest[];
  /** How often a URL was asked for. */
  count(url: string): number;
  /** Requests that are not answered in full. */
  readonly open: Provider['open'];
  readonly underWay: { readonly count: number; readonly most: number };
}

export function createHlsProvider(): HlsProvider {
  const answers = new Map<string, HlsAnswer | ((request: SourceRequest) => HlsAnswer)>();
  const requests: SourceRequest[] = [];
  const underWay = { count: 0, most: 0 };

  function answerOf(request: SourceRequest): HlsAnswer {
    const answer = answers.get(request.url);
    if (answer === undefined) return { failure: {} };
    return typeof answer === 'function' ? answer(request) : answer;
  }

  function source(request: SourceRequest, url: string, body: PassThrough, status: number): Opened {
    body.once('close', () => underWay.count--);
    body.on('error', () => undefined);
    // As node:http tells that a body came whole.
    body.once('end', () => Object.assign(body, { complete: true }));
    const close = (): void => void body.destroy();
    request.signal.addEventListener('abort', close, { once: true });
    return { source: { status, headers: {}, url, body: body as unknown as IncomingMessage, close } };
  }

  return {
    requests,
    underWay,
    set: (url, answer) => void answers.set(url, answer),
    count: (url) => requests.filter((request) => request.url === url).length,
    async open(request) {
      requests.push(request);
      underWay.count++;
      underWay.most = Math.max(underWay.most, underWay.count);
      const answer = answerOf(request);
      const ended: SourceFailure = {
        trigger: 'reset',
        status: undefined,
        retryAfterMs: undefined,
        reason: 'The attempt was ended.',
      };
      const isSilent = typeof answer === 'object' && 'isSilent' in answer;
      if (isSilent) {
        await new Promise<void>((resolve) => request.signal.addEventListener('abort', () => resolve(), { once: true }));
      } else await Promise.resolve();
      if (request.signal.aborted || isSilent) {
        underWay.count--;
        return { failure: ended };
      }
      if (typeof answer === 'object' && 'failure' in answer) {
        underWay.count--;
        const reason = 'The provider answered 404 Not Found.';
        return { failure: { trigger: 'status', status: 404, retryAfterMs: undefined, reason, ...answer.failure } };
      }
      const body = new PassThrough({ highWaterMark: 1 << 24 });
      if (typeof answer === 'object' && 'begins' in answer) {
        body.write(answer.begins);
        return source(request, request.url, body, 200);
      }
      const isMoved = typeof answer === 'object' && 'body' in answer;
      const held = isMoved ? answer.body : answer;
      const whole = typeof held === 'string' ? Buffer.from(held) : held;
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.range?.range ?? '') ?? [];
      body.end(from === undefined ? whole : whole.subarray(Number(from), Number(to) + 1));
      return source(request, isMoved ? answer.at : request.url, body, from === undefined ? 200 : 206);
    },
  };
}

/** A transport stream that says its name: packets without meaning, the first of which holds it. */
export function namedSegment(name: string, packets = 8): Buffer {
  const bytes = Buffer.alloc(188 * packets, 0xff);
  for (let at = 0; at < bytes.length; at += 188) bytes.set([0x47, 0x1f, 0xff, 0x10], at);
  bytes.write(`<${name}>`, 4, 'latin1');
  return bytes;
}

/** The name in a segment. */
export function nameIn(bytes: Buffer): string {
  return /<([^>]*)>/.exec(bytes.toString('latin1'))?.[1] ?? '';
}

export interface ListOptions {
  readonly target?: number;
  readonly duration?: number;
  /** Unix time of the first segment. */
  readonly startMs?: number;
  /** Lines before segments, by their names. */
  readonly before?: Readonly<Record<string, string>>;
  readonly ended?: boolean;
}

/** A media playlist of segments with these names. */
export function mediaList(first: number, names: readonly string[], options: ListOptions = {}): string {
  const { target = 4, duration = 4, startMs, before = {}, ended = false } = options;
  const lines = ['#EXTM3U', '#EXT-X-VERSION:3', `#EXT-X-TARGETDURATION:${target}`, `#EXT-X-MEDIA-SEQUENCE:${first}`];
  for (const [index, name] of names.entries()) {
    const line = before[name];
    if (line !== undefined) lines.push(line);
    if (startMs !== undefined) {
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(startMs + index * duration * 1000).toISOString()}`);
    }
    lines.push(`#EXTINF:${duration},`, name);
  }
  return `${lines.join('\n')}\n${ended ? '#EXT-X-ENDLIST\n' : ''}`;
}
