import { viewersUrl } from './addresses';
import type { AgentFigures } from './agent-child';
import { DemoError } from './demo-error';
import { playSessions, type SessionCounts } from './play-sessions';
import { type Change, demoStreams, make } from './schedule';
import { type Stage, type StageOptions, startStage } from './stage';

/** What a run without a browser found. */
export interface OnceSummary extends SessionCounts {
  /** Decisions that HAProxy asked the agent for. */
  readonly decisions: number;
  /** Calls to the servers' Control APIs, the agent's regular lists included. */
  readonly apiCalls: number;
  /** How often publishers moved meanwhile. */
  readonly moves: number;
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
  let changing: Promise<void> = Promise.resolve();
  const counts = await playSessions({
    viewersUrl: viewersUrl(stage.addresses),
    streams: Array.from({ length: sessions }, (_, index) => demoStreams[index % demoStreams.length]?.name ?? ''),
    holders: stage.holders,
    onBegin(begun) {
      for (const { change, begun: part } of changes) {
        // Each part of the whole is passed by exactly one session.
        if (begun - 1 >= part * sessions || begun < part * sessions) continue;
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
  const { sessions: played, requests, failed, wrongServer, restarts, waits } = counts;
  return {
    sessions: played,
    requests,
    failed,
    decisions: sumOfDecisions(after) - sumOfDecisions(before),
    apiCalls: after.apiCalls - before.apiCalls,
    wrongServer,
    restarts,
    waits,
    moves: stage.holders.moves,
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
