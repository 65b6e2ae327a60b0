import { randomUUID } from 'node:crypto';
import type { Logger } from '../log';
import type { Store } from '../store';
import { errorText, isRecord } from '../wire';
import type { OtherNode, ViewersWithOthers } from './with-others';

/** What one agent counted over one HAProxy: one piece of it. */
interface Piece {
  readonly agent: string;
  readonly node: string;
  readonly isUp: boolean;
  /** Another number with every look. */
  readonly beat: number;
  readonly viewers: number;
  readonly servers: Readonly<Record<string, number>>;
  readonly streams: Readonly<Record<string, number>>;
}

/** The exchange of counts while it runs. */
export interface ViewerExchange {
  stop(): Promise<void>;
}

const everyMs = 2000;
/** A document stays below the store's limit with names of any length. */
const streamsInPiece = 2000;
/** A HAProxy of which an agent told, and nobody any more, has its viewers so long: they play on. The same holds for one that this agent lost. */
const lostAfterMs = 900_000;

/**
 * Tells other agents that share the store how many watch what over the HAProxys that this one hears, and hears the same from them, every two seconds. Counts only: a stream
 * with viewers costs some 30 bytes each time.
 */
export function shareViewers(
  viewers: ViewersWithOthers,
  { store, log }: { readonly store: Store; readonly log: Logger },
): ViewerExchange {
  const agent = randomUUID();
  const collection = store.collection('viewer-counts', readPiece);
  /** When the last news of an agent came. */
  const heard = new Map<string, { beat: number; atMs: number }>();
  let keys = new Set<string>();
  let beat = 0;
  let isFailing = false;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  function pieces(): Map<string, Piece> {
    const made = new Map<string, Piece>();
    const up = new Map(viewers.nodes().map(({ name, isUp }) => [name, isUp]));
    beat++;
    for (const [node, { viewers: count, servers, streams }] of viewers.countsByNode()) {
      const all = [...streams];
      for (let from = 0; from === 0 || from < all.length; from += streamsInPiece) {
        const isFirst = from === 0;
        made.set(`${agent} ${node} ${from / streamsInPiece}`, {
          agent,
          node,
          isUp: up.get(node) ?? false,
          beat,
          viewers: isFirst ? count : 0,
          servers: isFirst ? Object.fromEntries(servers) : {},
          streams: Object.fromEntries(all.slice(from, from + streamsInPiece)),
        });
      }
    }
    return made;
  }

  async function exchange(): Promise<void> {
    const made = pieces();
    const gone = [...keys].filter((key) => !made.has(key));
    keys = new Set(made.keys());
    await collection.write([...made, ...gone.map((key) => [key, undefined] as const)]);
    const nowMs = performance.now();
    const all = (await collection.entries()).filter(([, piece]) => piece.agent !== agent);
    for (const [, piece] of all) {
      if (heard.get(piece.agent)?.beat !== piece.beat) heard.set(piece.agent, { beat: piece.beat, atMs: nowMs });
    }
    const lost = all.filter(([, piece]) => nowMs - (heard.get(piece.agent)?.atMs ?? nowMs) > lostAfterMs);
    if (lost.length > 0) await collection.write(lost.map(([key]) => [key, undefined] as const));
    const agents = new Set(all.map(([, piece]) => piece.agent));
    for (const known of heard.keys()) if (!agents.has(known)) heard.delete(known);
    viewers.setOthers(otherNodes(all.map(([, piece]) => piece)), performance.timeOrigin + nowMs);
  }

  /** Each HAProxy by the agent that was heard last, of those that hear it. */
  function otherNodes(all: readonly Piece[]): OtherNode[] {
    const best = new Map<string, Piece>();
    const rank = ({ agent: by, isUp }: Piece): number => (heard.get(by)?.atMs ?? 0) + (isUp ? 1 : 0);
    for (const piece of all) {
      const other = best.get(piece.node);
      if (other === undefined || rank(piece) > rank(other)) best.set(piece.node, piece);
    }
    return [...best.values()].map(({ node, agent: by, isUp }) => {
      const own = all.filter((piece) => piece.node === node && piece.agent === by);
      return {
        name: node,
        isUp,
        viewers: own.reduce((sum, { viewers: count }) => sum + count, 0),
        servers: new Map(own.flatMap(({ servers }) => Object.entries(servers))),
        streams: new Map(own.flatMap(({ streams }) => Object.entries(streams))),
      };
    });
  }

  async function turn(): Promise<void> {
    try {
      await exchange();
      isFailing = false;
    } catch (error) {
      if (!isFailing)
        log.warn({ error: errorText(error) }, "viewers of other agents' HAProxys are counted as they were");
      isFailing = true;
    }
    if (!isStopped) timer = setTimeout(next, everyMs);
  }
  let running: Promise<void> = Promise.resolve();
  function next(): void {
    running = turn();
  }
  next();

  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

function readPiece(value: unknown): Piece | undefined {
  if (!isRecord(value)) return undefined;
  const { agent, node, isUp, beat, viewers, servers, streams } = value;
  if (typeof agent !== 'string' || typeof node !== 'string' || typeof isUp !== 'boolean') return undefined;
  if (typeof beat !== 'number' || typeof viewers !== 'number') return undefined;
  if (!areCounts(servers) || !areCounts(streams)) return undefined;
  return { agent, node, isUp, beat, viewers, servers, streams };
}

function areCounts(value: unknown): value is Record<string, number> {
  return isRecord(value) && Object.values(value).every((count) => typeof count === 'number');
}
