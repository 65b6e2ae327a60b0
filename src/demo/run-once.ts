import { viewersUrl } from './addresses';
import type { AgentFigures } from './agent-child';
import { DemoError } from './demo-error';
import { playSessions, type SessionCounts } from './play-sessions';
import { type Change, demoStreams, make } from './schedule';
import { type Stage, type StageOptions, startStage } from './stage';
import { waitFor } from './wait-for';

/** What a run without a browser found. */
export interface OnceSummary extends SessionCounts {
  /** Decisions that HAProxy asked the agent for. */
  readonly decisions: number;
  /** Calls to the servers' Control APIs, the agent's regular lists included. */
  readonly apiCalls: number;
  /** How often publishers moved meanwhile. */
  readonly moves: number;
  /** The relayed stream: how often its provider was cut, how often it went on from the other source, and what its player got. */
  readonly relayCuts: number;
  readonly relayFailovers: number;
  readonly relayBytes: number;
  /** Seams in what its player got, and requests of his that failed; both count as failed as well. */
  readonly relayErrors: number;
}

export interface RunOnceOptions extends Omit<StageOptions, 'page' | 'hasPage'> {
  /** How many sessions to play. */
  readonly sessions: number;
  /** A line for people. */
  readonly onProgress: (line: string) => void;
}

/** What publishers do when this part of the sessions has begun. */
const changes: readonly { readonly begun: number; readonly change: Change }[] = [
  { begun: 0.25, change: { stream: 'live/studio/a', act: 'move', from: 'mtx1', to: 'mtx2' } },
  { begun: 0.5, change: { stream: 'live/concert', act: 'publish', server: 'mtx1' } },
  { begun: 0.6, change: { stream: 'live/studio/a', act: 'move', from: 'mtx2', to: 'mtx3' } },
  { begun: 0.75, change: { stream: 'live/concert', act: 'unpublish', server: 'mtx3' } },
];

/** Its provider is cut when these parts have begun. */
const relayCuts: readonly number[] = [0.2, 0.7];

/**
 * Starts everything, plays the sessions over all streams in turn while publishers move, and ends everything.
 *
 * @throws DemoError when it could not be played to its end.
 */
export async function runOnce(options: RunOnceOptions): Promise<OnceSummary> {
  const { ending, onProgress } = options;
  const stage = await startStage({ ...options, page: undefined, hasPage: false });
  const aborted = new AbortController();
  try {
    onProgress(`playing ${options.sessions} sessions: HAProxy ${stage.proxy.version}, ${stage.fleet.description}`);
    return await Promise.race([play(stage, options, aborted.signal), ending.reason]);
  } finally {
    aborted.abort();
    await stage.stop();
  }
}

async function play(stage: Stage, options: RunOnceOptions, signal: AbortSignal): Promise<OnceSummary> {
  const { sessions, onProgress, ending } = options;
  const before = await figuresOf(stage);
  const { provider, relay, watcher } = stage.relayed;
  let changing: Promise<void> = Promise.resolve();
  let cutting: Promise<void> = Promise.resolve();
  let cuts = 0;
  let failovers = 0;
  /** Cuts the provider, and waits until the stream goes on from its other source. */
  async function cut(): Promise<void> {
    const earlier = failovers;
    cuts += provider.cut() > 0 ? 1 : 0;
    await waitFor(
      'the relayed stream to go on from its other source',
      async () => {
        failovers = (await relay.figures())?.failovers ?? earlier;
        return failovers > earlier;
      },
      ending.reason,
    );
  }
  const counts = await playSessions({
    viewersUrl: viewersUrl(stage.addresses),
    streams: Array.from({ length: sessions }, (_, index) => demoStreams[index % demoStreams.length]?.name ?? ''),
    holders: stage.holders,
    onBegin(begun) {
      // Each part of the whole is passed by exactly one session.
      const isReached = (part: number): boolean => begun - 1 < part * sessions && begun >= part * sessions;
      if (relayCuts.some(isReached)) {
        onProgress('the provider of the relayed stream is cut');
        cutting = cutting.then(cut);
        cutting.catch(ending.because);
      }
      for (const { change, begun: part } of changes) {
        if (!isReached(part)) continue;
        onProgress(inWords(change));
        changing = changing.then(() => make(change, stage.fleet));
        changing.catch(ending.because);
      }
    },
    onTrouble: onProgress,
    signal,
  });
  await changing;
  const after = await figuresOf(stage);
  await cutting;
  const relayed = watcher.figures();
  const relayErrors = relayed.errors + relayed.failed;
  if (relayErrors > 0) onProgress(`failed: the relayed stream: ${relayed.lastError ?? 'its connection ended'}`);
  const { sessions: played, requests, failed, wrongServer, restarts, waits } = counts;
  return {
    sessions: played,
    requests: requests + relayed.requests,
    failed: failed + relayErrors,
    decisions: sumOfDecisions(after) - sumOfDecisions(before),
    apiCalls: after.apiCalls - before.apiCalls,
    wrongServer,
    restarts,
    waits,
    moves: stage.holders.moves,
    relayCuts: cuts,
    relayFailovers: failovers,
    relayBytes: relayed.bytes,
    relayErrors,
  };
}

async function figuresOf({ agent }: Stage): Promise<AgentFigures> {
  const figures = await agent.figures();
  if (figures === undefined) throw new DemoError(`the agent's metrics cannot be read: ${agent.url}/metrics`);
  return figures;
}

function sumOfDecisions({ decisions }: AgentFigures): number {
  return decisions.located + decisions.placed + decisions.unknown;
}

function inWords(change: Change): string {
  switch (change.act) {
    case 'move':
      return `${change.stream} moves from ${change.from} to ${change.to}`;
    case 'publish':
      return `${change.stream} comes to ${change.server}`;
    case 'unpublish':
      return `${change.stream} leaves ${change.server}`;
  }
}
