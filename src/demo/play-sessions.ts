import { setTimeout as pause } from 'node:timers/promises';
import { Agent } from 'undici';
import type { HolderLog } from './holder-log';
import { createPlayer, type Player, type PlayerAnswer } from './player';

/** What came of a fixed number of sessions. */
export interface SessionCounts {
  /** Sessions that were played. */
  readonly sessions: number;
  readonly requests: number;
  /** Requests that failed although a server had the stream, and kept it. */
  readonly failed: number;
  /** Answers for a stream from a server that had not got it. */
  readonly wrongServer: number;
  /** How often a player lost its session because its publisher left, and loaded the master playlist again. */
  readonly restarts: number;
  /** How often a player found that nobody published its stream, and asked again later. */
  readonly waits: number;
}

export interface PlaySessionsOptions {
  readonly viewersUrl: string;
  /** One stream for each session, in order of their beginning. */
  readonly streams: readonly string[];
  readonly holders: HolderLog;
  /** Told when a session begins, with the number of those that have. */
  readonly onBegin: (begun: number) => void;
  /** Told of each request that failed and of each answer from a wrong server, in words. */
  readonly onTrouble: (trouble: string) => void;
  readonly signal: AbortSignal;
  /** Pause between two looks at the playlists. Default 700. */
  readonly roundMs?: number;
}

/** What a player plays from. */
interface Session {
  readonly server: string;
  /** When its master playlist had come. */
  readonly sinceMs: number;
}

/** Sessions at a time, on fewer connections than that: HAProxy must tell them apart by what they ask, not by where it comes from. */
const concurrency = 12;
const sharedConnections = 8;
const roundsASession = 4;
const defaultRoundMs = 700;
/**
 * How old the directory's knowledge may be: lists every second, results of lookups for two seconds, and some for a busy machine. A
 * session that begins within that time after a move may be sent to the old server, whose 404 makes HAProxy try the next one.
 */
const directoryLagMs = 3000;
/** How long the directory may go on saying that nobody has a stream: `lookup.missTtl`, and some for a busy machine. */
const absenceLagMs = 1000;
/** How long a player goes on asking for a stream that nobody publishes. */
const maxWaits = 60;
const waitMs = 500;

/** Plays the sessions through HAProxy. Never rejects for what a server answers: that is counted. */
export async function playSessions(options: PlaySessionsOptions): Promise<SessionCounts> {
  const { holders, streams, signal } = options;
  const connections = new Agent({ connections: sharedConnections, pipelining: 1 });
  const counts = { sessions: 0, requests: 0, failed: 0, wrongServer: 0, restarts: 0, waits: 0 };
  let begun = 0;

  function onAnswer(answer: PlayerAnswer): void {
    counts.requests++;
    // 401 and 404 on a child tell a session that its publisher has left: it followed its session, as it should.
    const isFarewell = answer.kind !== 'master' && answer.status !== 200;
    if (answer.server === undefined || isFarewell) return;
    const { stream, server, startedMs, endedMs } = answer;
    const sinceMs = startedMs - directoryLagMs;
    // Where nobody had the stream, every server was as good as another.
    const hasOwner = holders.alwaysHadHolder(stream, sinceMs, endedMs);
    if (!hasOwner || holders.mayHaveHeld(stream, server, sinceMs, endedMs)) return;
    counts.wrongServer++;
    options.onTrouble(`wrong server: ${inWords(answer)}`);
  }

  function countFailure(answer: PlayerAnswer): void {
    counts.failed++;
    options.onTrouble(`failed: ${inWords(answer)}`);
  }

  /** Loads the master playlist, again while nobody publishes the stream. Undefined when that failed. */
  async function begin(player: Player): Promise<Session | undefined> {
    for (let waits = 0; ; waits++) {
      const answer = await player.load();
      if (answer.status === 200 && answer.server !== undefined) {
        return { server: answer.server, sinceMs: answer.endedMs };
      }
      const { stream, status, startedMs, endedMs } = answer;
      const isNobodys = status === 404 && !holders.alwaysHadHolder(stream, startedMs - absenceLagMs, endedMs);
      if (!isNobodys || waits === maxWaits) {
        countFailure(answer);
        return undefined;
      }
      counts.waits++;
      await pause(waitMs);
    }
  }

  /** Whether the publisher that a session plays from has left its server since the session began. */
  function isOrphaned({ server, sinceMs }: Session, stream: string): boolean {
    return !holders
      .holdings(stream, sinceMs)
      .some((holding) => holding.server === server && holding.fromMs <= sinceMs && holding.leavingMs === undefined);
  }

  async function play(stream: string): Promise<void> {
    begun++;
    options.onBegin(begun);
    const player = createPlayer({ viewersUrl: options.viewersUrl, stream, connections, onAnswer });
    let session = await begin(player);
    for (let round = 0; round < roundsASession && session !== undefined && !signal.aborted; round++) {
      const refused = await player.round();
      if (refused !== undefined) {
        if (![401, 404].includes(refused.status) || !isOrphaned(session, stream)) {
          countFailure(refused);
          break;
        }
        counts.restarts++;
        session = await begin(player);
      }
      await pause(options.roundMs ?? defaultRoundMs);
    }
    counts.sessions++;
  }

  const queue = streams.values();
  const worker = async (): Promise<void> => {
    // The queue is shared: each takes the next session when it is free.
    for (const stream of queue) if (!signal.aborted) await play(stream);
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, worker));
  } finally {
    await connections.destroy();
  }
  return counts;
}

function inWords({ kind, stream, status, server }: PlayerAnswer): string {
  return `${kind} of ${stream}: ${status === 0 ? 'no answer' : status} from ${server ?? 'HAProxy'}`;
}
