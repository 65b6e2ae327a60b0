import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import type { RuntimeClient } from '../runtime';
import { type Finding, right, wrong } from './finding';
import { httpProbe, readJson } from './http-probe';
import type { Place } from './parse-config';
import { serverStats } from './runtime-view';

export interface CanaryOptions {
  /** Where viewers come in, without a slash at its end. */
  readonly viewersUrl: string;
  /** The agent's HTTP API, without a slash at its end. */
  readonly agentUrl: string;
  /** HAProxy's backend with the servers, and a client to see which of them was used; undefined: that is not looked at. */
  readonly backend: string;
  readonly client: RuntimeClient | undefined;
  /** How many agents HAProxy has up; with more than one, the question may go to another. Undefined where it is not known. */
  readonly agentsUp: number | undefined;
  /** How long HAProxy waits for an answer of the agent; after that it rightly goes its own way. */
  readonly agentWaitMs: number;
  /** The line to blame when nobody asks. */
  readonly place: Place | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What became of one canary. */
interface Flight {
  /** Status of HAProxy's answer; a text tells why there is none. */
  readonly status: number | string;
  /** The agent's decision; undefined when it was not asked, or does not know canaries. */
  readonly server: string | undefined;
  readonly rule: string | undefined;
  /** The decided server got at least one request meanwhile; undefined where that cannot be seen, or the decision may have come too late. */
  readonly wasFollowed: boolean | undefined;
}

const explanationShape = z.looseObject({ state: z.string(), server: z.string().nullish(), rule: z.string().nullish() });

/**
 * More than one: with several agents each gets its turn, and a HAProxy that goes its own way does not meet the decided server every time.
 */
const flights = 8;

/**
 * Sends requests for master playlists of streams that do not exist through HAProxy, and asks the agent whether it was asked about them. HEAD, because
 * MediaMTX answers it 404 without looking for the stream: nothing is started there. The names are random and reserved (`mtxpilot-canary-…`): the
 * agent decides them without a lookup, and places nothing.
 */
export async function flyCanary(options: CanaryOptions): Promise<Finding[]> {
  const { viewersUrl, agentUrl, agentsUp, place } = options;
  const flown: Flight[] = [];
  for (let i = 0; i < flights; i++) {
    const flight = await flyOnce(options);
    flown.push(flight);
    if (typeof flight.status === 'string') break;
  }
  const [first] = flown;
  if (typeof first?.status === 'string') {
    const what = `HAProxy does not answer viewers at ${viewersUrl}: ${first.status}.`;
    return [
      wrong('error', 'viewers.answers', what, undefined, 'start HAProxy, or say where viewers come in: --viewers URL'),
    ];
  }
  if (flown.every(({ rule }) => rule !== 'canary')) {
    const what = `The agent at ${agentUrl} does not support canaries.`;
    return [wrong('warning', 'canary', what, undefined, 'run the same version of the agent and of this program')];
  }
  const decided = flown.filter(({ server }) => server !== undefined);
  const statuses = [...new Set(flown.map(({ status }) => status))].join(', ');
  if (decided.length === 0) {
    const what = `${flown.length} requests went through HAProxy (status ${statuses}), and the agent was not asked about them, or did not decide.`;
    const change = 'see the other findings; then the log of HAProxy (state=, error=)';
    if (agentsUp === undefined || agentsUp < 2) return [wrong('error', 'canary', what, place, change)];
    const maybe = `${what} Another agent may have been asked.`;
    return [wrong('warning', 'canary', maybe, place, 'check with the --url of each agent')];
  }
  const ignored = decided.find(({ wasFollowed }) => wasFollowed === false);
  if (ignored !== undefined) {
    const what = `The agent decided for ${ignored.server ?? ''}, and HAProxy sent the request elsewhere.`;
    const change = 'look at "use-server", and whether that server is UP and not in maintenance';
    return [wrong('error', 'canary', what, place, change)];
  }
  const proven = decided.every(({ wasFollowed }) => wasFollowed === true) ? ', and HAProxy went where it said' : '';
  const servers = [...new Set(decided.map(({ server }) => server))].join(', ');
  const what = `${decided.length} of ${flown.length} requests through ${viewersUrl} were decided by the agent (${servers})${proven}.`;
  return [right('canary', what)];
}

async function flyOnce(options: CanaryOptions): Promise<Flight> {
  const { viewersUrl, agentUrl, backend, client, agentWaitMs, timeoutMs, signal } = options;
  const name = `mtxpilot-canary-${randomBytes(8).toString('hex')}`;
  const sessions = async (): Promise<Map<string, number>> => {
    const stats = client === undefined ? [] : await serverStats(client, backend, signal);
    // HAProxy goes to no server that is DOWN or in maintenance, whatever the agent says in the moment before it knows.
    const usable = stats.filter(({ status }) => /^(?:UP|DRAIN|NOLB|no check)/.test(status));
    return new Map(usable.map(({ server, totalSessions }) => [server, totalSessions]));
  };
  const before = await sessions();
  const sentMs = performance.now();
  const answer = await httpProbe(`${viewersUrl}/${name}/index.m3u8`, {
    method: 'HEAD',
    timeoutMs,
    signal,
    // Whoever the certificate is for, it is not this check's subject.
    verifyCertificate: false,
  });
  if (!answer.ok) return { status: answer.reason, server: undefined, rule: undefined, wasFollowed: undefined };
  const isInTime = performance.now() - sentMs < agentWaitMs;
  const after = await sessions();
  const why = await httpProbe(`${agentUrl}/v1/streams/${name}/why`, { timeoutMs, signal });
  const { server, rule } = (why.ok ? readJson(explanationShape, why.body) : undefined) ?? {};
  const [was, is] = [before.get(server ?? ''), after.get(server ?? '')];
  return {
    status: answer.status,
    server: server ?? undefined,
    rule: rule ?? undefined,
    // A counter that has not moved proves that nobody was sent there; one that has may have moved for others.
    wasFollowed: was === undefined || is === undefined || (is === was && !isInTime) ? undefined : is > was,
  };
}
