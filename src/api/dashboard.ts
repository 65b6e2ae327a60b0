import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Operations } from '../control';
import type { Directory } from '../directory';
import {
  countAnswer,
  type HeavyWork,
  type Hosts,
  jsonSteps,
  respond,
  respondJson,
  respondProblem,
  type Steps,
} from '../http';

import type { Logger } from '../log';
import type { History, Sample } from '../measure';
import { addressKey, ownValue } from '../wire';
import type { ApiStats } from './api-stats';
import { controlView, emptySlotView, moveView } from './control-view';
import type { DashboardNow, DashboardStream, DashboardStreams, Sample as ShownSample } from './dashboard-answers';
import { createDashboardFeed } from './dashboard-feed';
import { loadDashboardFiles, viewersUrlFor } from './dashboard-files';
import type { EventSource } from './event-streams';
import { queryOf } from './parameters';
import type { Answer, Making } from './schemas';
import { type StoreState, storeView } from './store-view';
import { createStreamOrder, streamSorts } from './stream-order';

interface ViewerCount {
  readonly viewers: number;
  readonly peak: number;
  readonly peakAtMs: number;
}

/** What the page shows beyond what the API has; undefined fields are shown as not known. */
export interface DashboardSource {
  readonly history: History;
  /** RFC 3339. */
  readonly startedAt: string;
  streamCount(): number;
  conflictCount(): number;
  readonly viewers?:
    | {
        total(): ViewerCount;
        stream(name: string): ViewerCount | undefined;
        server(name: string): ViewerCount | undefined;
      }
    | undefined;
  readonly load?:
    | { load(server: string): { readonly requestsPerSecond: number; readonly bytesPerSecond: number } | undefined }
    | undefined;
  /** Where viewers come in, for previews; undefined: guessed from the page's address. */
  readonly viewersUrl?: string | undefined;
}

export interface DashboardOptions {
  readonly source: DashboardSource;
  readonly kept: StoreState | undefined;
  readonly relayCount: () => number;
  readonly directory: Pick<Directory, 'servers' | 'stream' | 'streamNames' | 'hasEvidence'>;
  readonly operations: Operations | undefined;
  readonly events: EventSource | undefined;
  readonly stats: ApiStats;
  readonly work: HeavyWork;
  /** Says which `Host` may be repeated. */
  readonly hosts: Pick<Hosts, 'nameOf'>;
  readonly log: Logger;
  readonly version: string;
  /** Whether changes over TCP are possible at all. */
  readonly hasToken: boolean;
  /** Where the page was built; beside this file when left out. */
  readonly folder?: string;
}

/** The page at `/` and what it asks beyond the API, below `/ui/`. That part is the page's own and changes with it. */
export interface Dashboard {
  /** Answers when the path is one of the page's. @returns false when it is not. */
  serve(req: IncomingMessage, res: ServerResponse): boolean;
  stop(): void;
}

const ownPrefix = '/ui/';
const mostRows = 200;
const mostPoints = 720;
/** Names looked at in one step. */
const namesAtOnce = 200;

/** Makes the page of one HTTP server. Everything on it can be read by everybody who reaches the address; it changes things over the API, with a token. */
export function createDashboard(options: DashboardOptions): Dashboard {
  const { source, relayCount, kept, directory, operations, events, stats, work, hosts, log, version, hasToken } =
    options;
  const { history, viewers, load, startedAt } = source;
  const files = loadDashboardFiles(options.folder ?? join(__dirname, 'page'));
  const order = createStreamOrder({
    names: () => directory.streamNames(),
    viewers: (stream) => viewers?.stream(stream)?.viewers,
    since: (stream) => {
      const since = directory.stream(stream)?.holders[0]?.publisherSince;
      return since === undefined ? undefined : Date.parse(since);
    },
  });
  const changes = operations === undefined ? 'impossible' : hasToken ? 'token' : 'refused';
  const feed = createDashboardFeed({ snapshot, serverCount: () => directory.servers().length, work, events });

  function* snapshot(): Steps<string> {
    const controlled = new Map<string, Answer<'ControlledServer'>>();
    for (const server of operations?.servers() ?? []) {
      controlled.set(server.name, controlView(server));
      yield;
    }
    const total = viewers?.total();
    const [latest, hour] = [history.latest(), history.whole()];
    return yield* jsonSteps({
      time: new Date().toISOString(),
      version,
      startedAt,
      changes,
      store: kept === undefined ? undefined : storeView(kept),
      hasEvidence: directory.hasEvidence(),
      streams: source.streamCount(),
      conflicts: source.conflictCount(),
      relays: relayCount(),
      viewers: total?.viewers,
      viewersPeak: total?.peak,
      viewersPeakAt: total === undefined || total.peak === 0 ? undefined : new Date(total.peakAtMs).toISOString(),
      latest: latest === undefined ? undefined : point(latest),
      hour: hour === undefined ? undefined : point(hour),
      servers: directory.servers().map((server) => {
        const count = viewers?.server(server.name);
        return {
          ...server,
          control: controlled.get(server.name),
          viewers: viewers === undefined ? undefined : (count?.viewers ?? 0),
          viewersPeak: viewers === undefined ? undefined : (count?.peak ?? 0),
          load: load?.load(server.name),
        };
      }),
      emptySlots: operations?.emptySlots().map(emptySlotView) ?? [],
      moves: operations?.moves().map(moveView) ?? [],
    } satisfies Making<DashboardNow>);
  }

  async function streams(url: string, res: ServerResponse, address: string): Promise<void> {
    const { match = '', sort = 'name', offset = '0', limit = '100' } = queryOf(url);
    const by = streamSorts.find((known) => known === sort);
    const from = wholeNumber(offset, 10_000_000);
    const most = wholeNumber(limit, mostRows);
    if (by === undefined || from === undefined || most === undefined || typeof match !== 'string') {
      const allowed = `match, sort (${streamSorts.join(', ')}), offset, limit (at most ${mostRows})`;
      respondProblem(res, 'BadParameter', { detail: 'A parameter is wrong.', given: url, allowed });
      return;
    }
    if (!work.admit(res, address)) return;
    const [first, count] = [from, most];
    const all = await order.sorted(by);
    const wanted = match.toLowerCase();
    function* page(): Steps<string> {
      let names = all;
      if (wanted !== '') {
        const found: string[] = [];
        for (const [i, name] of all.entries()) {
          if (i % namesAtOnce === 0) yield;
          if (name.toLowerCase().includes(wanted)) found.push(name);
        }
        names = found;
      }
      const moved = new Map(operations?.moves().map((move) => [move.stream, moveView(move)]));
      return yield* jsonSteps({
        total: names.length,
        streams: rows(names.slice(first, first + count), moved),
      } satisfies Making<DashboardStreams>);
    }
    const text = await work.run(page(), address, () => !res.destroyed);
    if (text !== undefined) respond(res, 200, 'application/json', text);
  }

  function* rows(
    names: readonly string[],
    moved: ReadonlyMap<string, Answer<'Move'>>,
  ): Generator<Making<DashboardStream>> {
    for (const name of names) {
      yield {
        // One that has gone since is told by its name alone, so that rows keep their places.
        ...(directory.stream(name) ?? {
          name,
          kind: 'mediamtx',
          holders: [],
          fillers: [],
          conflict: false,
          policy: 'auto',
        }),
        viewers: viewers === undefined ? undefined : (viewers.stream(name)?.viewers ?? 0),
        viewersPeak: viewers === undefined ? undefined : (viewers.stream(name)?.peak ?? 0),
        move: moved.get(name),
      };
    }
  }

  const reads: Readonly<
    Record<string, (url: string, res: ServerResponse, address: string) => Promise<void> | undefined>
  > = {
    '/ui/feed': (_url, res, address) => feed.serve(res, address),
    '/ui/streams': streams,
    '/ui/history': (url, res) => {
      const points = wholeNumber(queryOf(url)['points'] ?? '240', mostPoints);
      if (points === undefined || points < 1) {
        const allowed = `points from 1 to ${mostPoints}`;
        respondProblem(res, 'BadParameter', { detail: 'A parameter is wrong.', given: url, allowed });
      } else respondJson(res, 200, { samples: history.samples(points).map(point) });
      return undefined;
    },
  };

  function answer(req: IncomingMessage, res: ServerResponse, path: string, url: string): Promise<void> | undefined {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      const detail = 'This path can only be read.';
      const allowed = 'GET, HEAD';
      respondProblem(res, 'MethodNotAllowed', { detail, given: req.method ?? '', allowed }, ['allow', allowed]);
      return;
    }
    const read = ownValue(reads, path);
    // Without a body it would have no end.
    if (path === '/ui/feed' && req.method === 'HEAD') {
      res.writeHead(204).end();
      return;
    }
    if (read !== undefined) return read(url, res, addressKey(req.socket.remoteAddress));
    const file = path === '/' ? 'index.html' : path.slice(ownPrefix.length);
    if (!files.isBuilt) {
      respondProblem(res, 'NotAvailable', { detail: 'The page is not built: "npm run build" makes it.' });
      return;
    }
    return files.send(req, res, file, viewersUrlFor(hosts.nameOf(req.headers.host ?? ''), source.viewersUrl));
  }

  return {
    serve(req, res) {
      const { url = '/' } = req;
      const path = url.split('?', 1)[0] ?? '/';
      const isOurs =
        path === '/' || Object.hasOwn(reads, path) || (path.startsWith(ownPrefix) && files.has(path.slice(4)));
      if (!isOurs) return false;
      res.once('finish', () => countAnswer(stats, path === '/' ? '/' : '/ui', res.statusCode));
      Promise.resolve(answer(req, res, path, url)).catch((error: unknown) => {
        log.error({ err: error, path }, 'answering the dashboard failed');
        if (res.headersSent) res.destroy();
        else respondProblem(res, 'InternalError', { detail: 'The answer could not be produced; the log says why.' });
      });
      return true;
    },
    stop: () => feed.stop(),
  };
}

/** A sample as the page reads it: rates a second. */
function point({
  atMs,
  seconds,
  viewers,
  streams,
  decisions,
  p50Ms,
  p99Ms,
  requests,
  apiCalls,
  naiveCalls,
}: Sample): Making<ShownSample> {
  const rate = (count: number): number => Math.round((count / seconds) * 1000) / 1000;
  const rounded = (value: number | undefined): number | undefined =>
    value === undefined ? undefined : Math.round(value * 10_000) / 10_000;
  return {
    atMs: Math.round(atMs),
    seconds: Math.round(seconds * 1000) / 1000,
    viewers,
    streams,
    decisions: rate(decisions),
    p50Ms: rounded(p50Ms),
    p99Ms: rounded(p99Ms),
    requests: requests === undefined ? undefined : rate(requests),
    apiCalls: rate(apiCalls),
    naiveCalls: naiveCalls === undefined ? undefined : rate(naiveCalls),
  };
}

/** The text as a whole number from 0 to `most`; undefined when it is none. */
function wholeNumber(given: unknown, most: number): number | undefined {
  if (typeof given !== 'string' || !/^\d{1,9}$/.test(given)) return undefined;
  return Number(given) <= most ? Number(given) : undefined;
}
