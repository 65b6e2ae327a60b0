import type { DemoAddresses } from './addresses';
import type { AgentFigures } from './agent-child';
import type { DemoEvent } from './event-list';
import type { HolderLog, Holding } from './holder-log';
import type { RelayFigures } from './relay-child';
import type { WatcherFigures } from './relay-watcher';
import type { DemoStream } from './schedule';
import type { TableSession } from './sessions-table';

/** What the page shows, as JSON. Times are milliseconds since 1970 by this machine's clock. */
export interface DemoStatus {
  readonly atMs: number;
  /** What kind of servers these are. */
  readonly fleet: string;
  /** `host:port` where players ask; a host of every address (`0.0.0.0`) means the one that the page came from. */
  readonly viewersAddress: string;
  readonly figures: DemoFigures;
  readonly servers: readonly {
    readonly name: string;
    readonly address: string;
    readonly streams: number;
    readonly viewers: number;
  }[];
  readonly streams: readonly {
    readonly name: string;
    readonly habit: string;
    /** Servers that have it now, the newest publisher first. */
    readonly holders: readonly string[];
    /** The last two minutes of them. */
    readonly holdings: readonly Holding[];
    readonly viewers: number;
  }[];
  /** The relayed stream, as its player sees it and as the relay tells. */
  readonly relay: RelayStatus;
  /** Newest first. */
  readonly events: readonly DemoEvent[];
}

/** The relayed stream. */
export interface RelayStatus extends RelayFigures, WatcherFigures {
  /** How often its provider was cut. */
  readonly cuts: number;
}

/** The running figures. */
export interface DemoFigures extends AgentFigures {
  /** Sessions that HAProxy has seen a request of within the last four seconds. */
  readonly viewers: number;
  /** How often a stream's newest publisher was on another server than the one before. */
  readonly moves: number;
}

/** What the parts of a demo know at one moment. */
export interface StatusFacts {
  readonly addresses: DemoAddresses;
  readonly fleet: string;
  readonly streams: readonly DemoStream[];
  readonly holders: HolderLog;
  readonly sessions: readonly TableSession[];
  readonly figures: AgentFigures;
  readonly relay: RelayStatus;
  readonly events: readonly DemoEvent[];
}

const historyMs = 2 * 60_000;
/** `expire` of haproxy.cfg's table `sessions`: each answer sets an entry back to it. */
const tableExpireMs = 60_000;
const watchingWithinMs = 4_000;

/** The status at `atMs`. */
export function statusOf(facts: StatusFacts, atMs: number): DemoStatus {
  const { addresses, holders, streams } = facts;
  const watching = facts.sessions.filter(({ expiresInMs }) => expiresInMs > tableExpireMs - watchingWithinMs);
  return {
    atMs,
    fleet: facts.fleet,
    viewersAddress: addresses.viewers,
    figures: { ...facts.figures, viewers: watching.length, moves: holders.moves },
    servers: addresses.servers.map(({ name, hls }) => ({
      name,
      address: hls,
      streams: streams.filter((stream) => holders.holders(stream.name).includes(name)).length,
      viewers: watching.filter(({ server }) => server === name).length,
    })),
    streams: streams.map(({ name, habit }) => ({
      name,
      habit,
      holders: holders.holders(name),
      holdings: holders.holdings(name, atMs - historyMs),
      viewers: watching.filter(({ stream }) => stream === name).length,
    })),
    relay: facts.relay,
    events: facts.events,
  };
}
