import type { ServerView } from '../directory';
import { administrativeState, type ServerState } from '../runtime';
import type { DesiredServer } from './desired-state';
import type { ServerMemory } from './node-memory';
import type { ServerSurvey } from './survey';
import type { ControlledServer, Intent, NodeServerView } from './views';

/** How one HAProxy has the server now. */
export interface NodeServer {
  readonly node: string;
  readonly state: ServerState;
  readonly memory: ServerMemory | undefined;
  /** Entries of its table `sessions` that point there; undefined while they are not counted. */
  readonly viewers: number | undefined;
  /** Why this HAProxy cannot be asked now. */
  readonly lastError: string | undefined;
  /** It has been running for so short a time that it has not heard yet who watches, and takes every server for UP. */
  readonly isYoung: boolean;
}

export interface ControlledServerFacts {
  readonly name: string;
  readonly nodes: readonly NodeServer[];
  /** HAProxys that have not said anything since the agent started: whether they know the server, nobody knows. */
  readonly unanswered: readonly string[];
  readonly desired: DesiredServer | undefined;
  readonly intent: Intent | undefined;
  /** The directory's word; undefined for a server whose Control API has no address. */
  readonly directory:
    | (Pick<ServerView, 'readers' | 'hlsSessions'> & { readonly api: Pick<ServerView['api'], 'health'> })
    | undefined;
  readonly survey: { readonly server: ServerSurvey | undefined; readonly ageMs: number } | undefined;
}

const configuredMaint = 0x04;
/** An older look at the streams is no ground for stopping a server. */
const surveyGoodForMs = 10_000;

/** All that control knows of a server, for people and programs. */
export function controlledServer(facts: ControlledServerFacts): ControlledServer {
  const { name, desired, intent, directory, survey } = facts;
  const nodes = facts.nodes.map(nodeView);
  const byHand = facts.nodes.filter(({ memory }) => memory?.isExternal === true);
  const readers = directory?.readers ?? 0;
  const viewersLeft = mostViewers(facts, nodes);
  const onlyHereCount = survey?.server?.onlyHereCount;
  const notSafeBecause = whyNotSafe(facts, nodes, viewersLeft);
  return {
    name,
    nodes,
    intent,
    wanted: byHand.length > 0 ? 'external' : (desired?.state ?? 'ready'),
    because: byHand.length > 0 ? becauseOfHand(byHand, facts.nodes.length) : reasonOf(facts),
    api: directory?.api.health ?? 'unknown',
    viewersLeft,
    readers,
    onlyHere: survey?.server?.onlyHere ?? [],
    onlyHereCount,
    safeToStop: notSafeBecause === '',
    notSafeBecause,
  };
}

function nodeView({ node, state, viewers }: NodeServer): NodeServerView {
  return {
    node,
    operational: state.operational === 'stopped' ? 'DOWN' : 'UP',
    administrative: administrativeState(state.adminBits),
    weight: state.weight,
    viewers,
  };
}

/** HLS viewers, by whoever counts more of them: HAProxy, or the server, which has its own besides. And readers by other ways. */
function mostViewers(
  { directory, unanswered }: ControlledServerFacts,
  nodes: readonly NodeServerView[],
): number | undefined {
  const isCounted = nodes.length > 0 && unanswered.length === 0 && nodes.every(({ viewers }) => viewers !== undefined);
  const sessions = isCounted ? nodes.reduce((sum, { viewers }) => sum + (viewers ?? 0), 0) : undefined;
  const { readers, hlsSessions } = directory?.api.health === 'ok' ? directory : { readers: undefined, hlsSessions: 0 };
  // What was not counted may be more than what was, and nobody counted is not nobody.
  if (sessions === undefined) return (readers ?? 0) + hlsSessions || undefined;
  return Math.max(sessions, hlsSessions) + (readers ?? 0);
}

function becauseOfHand(byHand: readonly NodeServer[], count: number): string {
  const where = byHand.length === count ? '' : ` on ${byHand.map(({ node }) => node).join(', ')}`;
  const isConfigured = byHand.every(
    ({ state }) => (state.adminBits & configuredMaint) !== 0 && (state.adminBits & 1) !== 0,
  );
  if (isConfigured) return `disabled in haproxy.cfg${where}; it stays so until an intent overrides it`;
  const [first] = byHand;
  const state = first === undefined ? 'ready' : administrativeState(first.state.adminBits);
  return `somebody else set it to ${state}${where}; it is left alone until an intent overrides that`;
}

function reasonOf({ desired, nodes }: ControlledServerFacts): string {
  const because = desired?.because ?? 'no order says otherwise';
  const wanted = desired?.state;
  const behind = nodes.filter(({ state }) => wanted !== undefined && administrativeState(state.adminBits) !== wanted);
  if (behind.length === 0) return because;
  const told = behind.map(({ node, lastError }) => (lastError === undefined ? node : `${node} (${lastError})`));
  return `${because}; not yet applied on ${told.join(', ')}`;
}

/** The first thing that stands against stopping the server; empty when nothing does. */
function whyNotSafe(
  { directory, survey, nodes: known, unanswered }: ControlledServerFacts,
  nodes: readonly NodeServerView[],
  viewersLeft: number | undefined,
): string {
  const serving = nodes.filter(({ administrative }) => administrative === 'ready').map(({ node }) => node);
  if (nodes.length === 0) return 'no HAProxy knows it';
  if (unanswered.length > 0)
    return `${unanswered.join(', ')} ${unanswered.length === 1 ? 'has' : 'have'} not answered yet`;
  const lost = known.find(({ lastError }) => lastError !== undefined);
  if (lost !== undefined) return `${lost.node} has not reported how many watch`;
  if (serving.length > 0) return `it takes new viewers${known.length > 1 ? ` on ${serving.join(', ')}` : ''}`;
  if (directory?.api.health !== 'ok') return 'its Control API does not answer, so nobody can tell what it holds';
  if (nodes.some(({ viewers }) => viewers === undefined) || viewersLeft === undefined)
    return 'its viewers are not counted yet';
  if (viewersLeft > 0) return `${viewersLeft} ${viewersLeft === 1 ? 'viewer watches' : 'viewers watch'} from it`;
  if (survey?.server === undefined || survey.ageMs > surveyGoodForMs) return 'its streams are not counted yet';
  const { onlyHere, onlyHereCount } = survey.server;
  const settling = known.find(({ isYoung }) => isYoung);
  if (onlyHereCount === 0)
    return settling === undefined ? '' : `${settling.node} has only just started and may not know all its viewers yet`;
  const named = onlyHere.slice(0, 3).join(', ');
  const more = onlyHereCount > 3 ? ` and ${onlyHereCount - 3} more` : '';
  return `${onlyHereCount === 1 ? 'a stream lives' : `${onlyHereCount} streams live`} only there: ${named}${more}`;
}
