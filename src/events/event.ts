/** What can happen, in CloudEvents' `type` (without a prefix). */
export const eventTypes = [
  'stream.started',
  'stream.ended',
  'stream.moved',
  'stream.conflict',
  'stream.watched',
  'stream.unwatched',
  'viewer.joined',
  'viewer.left',
  'server.up',
  'server.down',
  'server.suspect',
  'server.intent',
  'haproxy.reloaded',
  'agent.started',
  'stream.failover',
  'stream.failed',
] as const;
export type EventType = (typeof eventTypes)[number];

/** Something that happened, as its observer describes it; id, time and source are added when it is taken in. */
export interface EventDraft {
  readonly type: EventType;
  readonly stream?: string | undefined;
  readonly server?: string | undefined;
  /** Why it happened or was done, in one sentence. */
  readonly reason?: string | undefined;
  /** Who said so: `inventory`, `lookup`, `push`, `haproxy`, `operator`, `agent`, `relay`. */
  readonly evidence?: string | undefined;
  /** More facts, e.g. `{from: 'mtx1'}` of a move. JSON values only. */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
}

/** Takes an event in. Returns at once, never throws, never waits. */
export type Emit = (event: EventDraft) => void;

/** One event as it is stored and delivered: CloudEvents 1.0, JSON format. */
export interface StoredEvent {
  readonly specversion: '1.0';
  /** Unique and increasing as text: usable as a cursor and as `Last-Event-ID`. */
  readonly id: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
  /** The agent, as a URI reference, e.g. `/mtxpilot/agent-1`. */
  readonly source: string;
  readonly type: EventType;
  /** The stream, or the server where there is no stream. */
  readonly subject?: string | undefined;
  readonly datacontenttype: 'application/json';
  readonly data: Readonly<Record<string, unknown>>;
}
