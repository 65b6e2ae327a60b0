import type { ServerResponse } from 'node:http';
import type { Settings } from '../config';
import { templateParameters } from '../config';
import type { RelayClients } from './client';
import type { HlsValues } from './hls-settings';
import { respondRelayProblem } from './problems';
import type { createRemoveStreams } from './remove-streams';
import type { Reports } from './reports';
import { streamTypeOf } from './source-url';
import type { RelayStream } from './stream';
import type { RelayStreams } from './streams';

/** The paths at which a request makes its stream. */
export interface Templates {
  has(path: string): boolean;
  /** Answers GET and HEAD at such a path: leads to the stream, which is made if it is not there. `query` is as it came, without its question mark. */
  answer(res: ServerResponse, path: string, query: string): Promise<void>;
}

export interface TemplatesOptions {
  readonly templates: Settings['relay']['templates'];
  readonly streams: Pick<RelayStreams, 'all' | 'ofUrl' | 'put'>;
  readonly clients: Pick<RelayClients, 'ofStream'>;
  readonly reports: Pick<Reports, 'of'>;
  readonly remove: ReturnType<typeof createRemoveStreams>;
  /** Read at each request. */
  readonly streamMode: () => HlsValues['streamMode'];
  /** What providers are told. */
  readonly userAgent: string;
  /** Unix time in ms. */
  readonly now?: () => number;
}

type Template = Settings['relay']['templates'][string];

/** By which a stream is known to be a template's. */
const metadataKey = 'relay-template';
/** Streams that requests may make: so many at once, and so many a second. */
const mostAtOnce = 20;
const mostASecond = 10;
/** So long a stream without clients is left for the player that it was made for. */
const untouchedMs = 30_000;
const retryAfterFullSeconds = 5;
/** What players and proxies say beside the parameters; it goes on to the stream. */
const ofPlayers: ReadonlySet<string> = new Set(['client_id', 'mtxs', 'username']);
/** Neither a path nor a query can be left by it, and no folder either. */
const parameterValue = /^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,199}$/;

/** Makes what answers at the paths of templates. */
export function createTemplates(options: TemplatesOptions): Templates {
  const { streams, clients, reports, remove, streamMode, userAgent, now = Date.now } = options;
  const byPath = new Map<string, (readonly [name: string, template: Template])[]>();
  for (const one of Object.entries(options.templates)) {
    byPath.set(one[1].path, [...(byPath.get(one[1].path) ?? []), one]);
  }
  let tokens = mostAtOnce;
  let filledAtMs = now();
  /** One is made at a time: each finds the room that there is. */
  let turns: Promise<unknown> = Promise.resolve();

  function mayMake(): boolean {
    const nowMs = now();
    tokens = Math.min(mostAtOnce, tokens + (Math.max(0, nowMs - filledAtMs) / 1000) * mostASecond);
    filledAtMs = nowMs;
    if (tokens < 1) return false;
    tokens--;
    return true;
  }

  /** Makes room for one more stream of a template; false where each of them is in use. */
  async function makeRoom(name: string, { maxStreams }: Template): Promise<boolean> {
    const ofTemplate = [...streams.all()].filter(({ metadata }) => metadata[metadataKey] === name);
    if (ofTemplate.length < maxStreams) return true;
    const idle = ofTemplate
      .filter(({ id }) => clients.ofStream(id).length === 0)
      .map((stream) => ({ id: stream.id, atMs: lastUseOf(stream) }))
      .filter(({ atMs }) => now() - atMs > untouchedMs)
      .sort((a, b) => a.atMs - b.atMs)
      .slice(0, ofTemplate.length - maxStreams + 1);
    if (idle.length <= ofTemplate.length - maxStreams) return false;
    return (await remove(idle.map(({ id }) => id))).ok;
  }

  function lastUseOf({ id, createdAt }: RelayStream): number {
    return reports.of(id).lastAccessMs ?? Date.parse(createdAt);
  }

  return {
    has: (path) => byPath.has(path),
    async answer(res, path, query) {
      const given = new URLSearchParams(query);
      const keys = new Set(given.keys());
      const known = (byPath.get(path) ?? []).map((one) => ({ one, names: templateParameters(one[1].url) }));
      const found = known.find(
        ({ names }) =>
          names.every((name) => keys.has(name)) && [...keys].every((key) => names.includes(key) || ofPlayers.has(key)),
      );
      if (found === undefined) {
        const allowed = known.map(({ names }) => names.join(' and ')).join(', or ');
        refuse(res, { problem: 'BadParameter', detail: 'These are not the parameters of this path.', allowed });
        return;
      }
      const values = new Map<string, string>();
      for (const name of found.names) {
        const [value = '', ...more] = given.getAll(name);
        if (more.length > 0 || !parameterValue.test(value)) {
          const detail = `The parameter "${name}" is wrong.`;
          const allowed = 'given once, 1 to 200 letters, digits and _ ~ . -, no point first';
          refuse(res, { problem: 'BadParameter', detail, allowed });
          return;
        }
        values.set(name, value);
      }
      const [name, template] = found.one;
      const url = template.url.replace(/\{(\w+)\}/g, (_braces, parameter: string) => values.get(parameter) ?? '');
      const stream = streams.ofUrl(url) ?? (await inTurn(() => make(res, name, template, values, url)));
      if (stream === undefined) return;
      const rest = [...given].filter(([key]) => ofPlayers.has(key) && !values.has(key));
      lead(res, path, stream, new URLSearchParams(rest));
    },
  };

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = turns.then(work);
    turns = done.catch(() => undefined);
    return done;
  }

  /** The stream of this URL, which may have been made meanwhile; undefined where that is refused. */
  async function make(
    res: ServerResponse,
    name: string,
    template: Template,
    values: ReadonlyMap<string, string>,
    url: string,
  ): Promise<RelayStream | undefined> {
    const made = streams.ofUrl(url);
    if (made !== undefined) return made;
    if (!mayMake()) {
      refuse(res, { problem: 'Busy', detail: 'Too many streams are made at once.', retryAfterSeconds: 1 });
      return undefined;
    }
    if (!(await makeRoom(name, template))) {
      const detail = `${template.maxStreams} streams of this kind are there, which is all that may be.`;
      refuse(res, { problem: 'TooManyStreams', detail, retryAfterSeconds: retryAfterFullSeconds });
      return undefined;
    }
    const result = await streams.put({
      url,
      failoverUrls: [],
      resolverUrl: undefined,
      userAgent,
      headers: {},
      metadata: {
        ...Object.fromEntries([...values].map(([parameter, value]) => [`relay-${parameter}`, value])),
        [metadataKey]: name,
      },
      type: streamTypeOf(url),
      hls: 'channel',
    });
    if (result.ok) return result.stream;
    const problem = result.problem === 'full' ? 'TooManyStreams' : 'NotKept';
    refuse(res, { problem, detail: result.detail, retryAfterSeconds: retryAfterFullSeconds });
    return undefined;
  }

  function lead(res: ServerResponse, path: string, { id, type }: RelayStream, rest: URLSearchParams): void {
    // Relative: whatever stands in front of our paths stays there.
    const up = '../'.repeat(path.split('/').length - 2);
    const to = streamMode() === 'HLS' && type !== 'vod' ? `hls/${id}/index.m3u8` : `stream/${id}`;
    const query = rest.toString();
    res.writeHead(302, [
      'location',
      `${up}${to}${query === '' ? '' : `?${query}`}`,
      'cache-control',
      'no-store',
      'access-control-allow-origin',
      '*',
      'content-length',
      '0',
    ]);
    res.end();
  }
}

interface Refusal {
  readonly problem: 'BadParameter' | 'Busy' | 'TooManyStreams' | 'NotKept';
  readonly detail: string;
  readonly allowed?: string;
  readonly retryAfterSeconds?: number;
}

function refuse(res: ServerResponse, { problem, detail, allowed, retryAfterSeconds }: Refusal): void {
  const details = { detail, ...(allowed === undefined ? {} : { allowed }) };
  respondRelayProblem(res, problem, details, [
    'access-control-allow-origin',
    '*',
    ...(retryAfterSeconds === undefined ? [] : ['retry-after', String(retryAfterSeconds)]),
  ]);
}
