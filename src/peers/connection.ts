import type { Duplex } from 'node:stream';
import type { Logger } from '../log';
import type { Cursor } from '../wire';
import { type BackOff, backOffMs } from '../wire';
import { createHelloReader, type Hello, helloAccepted } from './hello';
import { ackMessage, controlMessage, controlType, messageClass } from './message';
import { createMessageReader } from './message-reader';
import { createReceivedTables } from './received-tables';
import type { PeersStats } from './stats';
import type { Touch } from './touch';

/** What all connections of one server share. */
export interface ConnectionContext {
  readonly stats: PeersStats;
  readonly log: Logger;
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
  /** What HAProxy is told when it asks the agent for tables: that it has had all there is, or that others may have more. */
  readonly resyncAnswer: 'resyncFinished' | 'resyncPartial';
  /** Longest body of a message that is accepted. */
  readonly maxBodyBytes: number;
  readonly helloTimeoutMs: number;
  readonly heartbeatMs: number;
  /** A link on which nothing came for so long is closed. */
  readonly silenceMs: number;
  /** How long updates that had piled up are taken after the hello, before the dump is asked for. */
  readonly backlogMs: number;
  /** How soon after an update it is acknowledged, with all that came since. */
  readonly ackMs: number;
  /** How long HAProxy may take for a dump. */
  readonly dumpTimeoutMs: number;
  /** How soon another dump is asked for after a partial one. */
  readonly dumpRetry: BackOff;
}

/** What becomes of a connection. */
export interface ConnectionEvents {
  /** A valid greeting. Returns false to refuse it: the connection is closed. */
  onHello(hello: Hello): boolean;
  onTouch(touch: Readonly<Touch>): void;
  /** The first dump is over: all entries were told. */
  onSynced(): void;
  /** Called once, when the stream has closed. */
  onClosed(): void;
}

/** One connection of HAProxy. */
export interface PeerConnection {
  /** A newer connection speaks for the node: updates of this one are no evidence any more, but HAProxy is served as before. */
  retire(): void;
  close(reason?: keyof PeersStats['closed']): void;
}

const heartbeat = controlMessage('heartbeat');
const resyncRequest = controlMessage('resyncRequest');
const resyncConfirm = controlMessage('resyncConfirm');

/**
 * Serves HAProxy's end of a connection as one of its peers until it closes. Errors of the stream end the connection and go no further.
 *
 * HAProxy is answered at once when it asks for tables: until then it pushes nothing, and a peer that never answers leaves it "not in sync", with
 * all its tables lost at the next reload. The agent then asks for a dump itself, because entries that HAProxy learned (from the process before a
 * reload) are never pushed.
 */
export function createConnection(duplex: Duplex, context: ConnectionContext, events: ConnectionEvents): PeerConnection {
  const { log, nowMs, stats } = context;
  const helloReader = createHelloReader();
  const reader = createMessageReader(context.maxBodyBytes, onMessage);
  const tables = createReceivedTables();
  const touch: Touch = {
    node: '',
    table: '',
    key: '',
    serverName: undefined,
    serverId: 0,
    live: false,
    expiresInMs: undefined,
    idleMs: undefined,
    bytesOut: undefined,
  };
  /** `backlog` and `dump` until the first dump is over. */
  let state: 'hello' | 'backlog' | 'dump' | 'live' | 'closed' = 'hello';
  let isDumping = false;
  let isRetired = false;
  /** The peer does not read: the last write went over the stream's high-water mark. */
  let blocked = false;
  let lastReadMs = nowMs();
  let partialDumps = 0;
  /** Last plain update that is not acknowledged, by the sender's number of the table. */
  const unacked = new Map<number, number>();
  /** To leave in one write. */
  let replies: Buffer[] = [];
  let timer = setTimeout(onHelloTimeout, context.helloTimeoutMs);
  let heart: NodeJS.Timeout | undefined;
  let ackTimer: NodeJS.Timeout | undefined;

  duplex.on('data', onData);
  duplex.on('drain', onDrain);
  duplex.on('end', () => close());
  duplex.on('error', onError);
  duplex.on('close', onClose);
  return {
    retire() {
      isRetired = true;
    },
    close,
  };

  function onData(chunk: Buffer): void {
    if (state === 'closed') return;
    lastReadMs = nowMs();
    let rest = chunk;
    if (state === 'hello') {
      const end = helloReader.read(chunk);
      if (end === undefined) return;
      if (end < 0 || helloReader.hello === undefined) {
        refuse("its handshake is not HAProxy's");
        return;
      }
      if (!open(helloReader.hello)) return;
      rest = chunk.subarray(end);
    }
    if (reader.read(rest)) flush();
    else if (!isClosed()) fail('protocol-error', 'a message is broken or too long');
  }

  function onHelloTimeout(): void {
    refuse('no handshake in time');
  }

  function refuse(reason: string): void {
    stats.badHellos++;
    log.warn({ reason }, 'peers: closing a connection before its handshake is complete');
    close();
  }

  function open(hello: Hello): boolean {
    clearTimeout(timer);
    if (!events.onHello(hello)) {
      close();
      return false;
    }
    touch.node = hello.node;
    state = 'backlog';
    replies.push(helloAccepted);
    heart = setInterval(beat, context.heartbeatMs);
    timer = setTimeout(requestDump, context.backlogMs);
    return true;
  }

  /** HAProxy closes a link on which it has received nothing for 5 s, even while it is sending itself. */
  function beat(): void {
    if (nowMs() - lastReadMs > context.silenceMs) fail('silent', 'nothing came on it');
    else if (!blocked) send(heartbeat);
  }

  /** All that came is acknowledged in the same write, or HAProxy replays it after the dump as if it had just been used. */
  function requestDump(): void {
    if (state === 'backlog') state = 'dump';
    isDumping = true;
    ackAll();
    replies.push(resyncRequest);
    timer = setTimeout(onDumpTimeout, context.dumpTimeoutMs);
    flush();
  }

  function onDumpTimeout(): void {
    fail('dump-timeout', 'its dump does not end');
  }

  function onMessage(kind: number, type: number, body: Cursor): boolean {
    switch (kind) {
      case messageClass.control:
        onControl(type);
        return true;
      case messageClass.tables:
        return onTables(type, body);
      case messageClass.error:
        fail('error-received', type === 1 ? 'HAProxy found a message too long' : 'HAProxy found a message broken');
        return false;
      default:
        return kind !== messageClass.reserved;
    }
  }

  function onControl(type: number): void {
    if (type === controlType.resyncRequest) {
      stats.resyncsAnswered++;
      replies.push(controlMessage(context.resyncAnswer));
    } else if (type === controlType.resyncFinished || type === controlType.resyncPartial) {
      onDumpEnd(type === controlType.resyncPartial);
    }
  }

  /** Without a confirmation HAProxy never pushes again. */
  function onDumpEnd(isPartial: boolean): void {
    replies.push(resyncConfirm);
    if (!isDumping) return;
    isDumping = false;
    clearTimeout(timer);
    stats.dumps[isPartial ? 'partial' : 'finished']++;
    // HAProxy does not hear acknowledgements while it dumps; what was pushed meanwhile comes again.
    unacked.clear();
    if (isPartial) {
      timer = setTimeout(requestDump, backOffMs(++partialDumps, context.dumpRetry));
    }
    if (state !== 'dump') return;
    state = 'live';
    if (!isRetired) events.onSynced();
  }

  function onTables(type: number, body: Cursor): boolean {
    const read = tables.read(type, body);
    if (read === 'update') onUpdate();
    return read !== 'broken';
  }

  function onUpdate(): void {
    const { update, table } = tables;
    const isTimed = update.expiresInMs !== undefined;
    if (!isTimed) {
      unacked.set(table.id, tables.updateId);
      ackTimer ??= setTimeout(onAckDue, context.ackMs);
    }
    const live = !isTimed && state === 'live';
    if (isRetired) {
      stats.updates.stale++;
      return;
    }
    stats.updates[live ? 'live' : isTimed ? 'dump' : 'backlog']++;
    touch.table = table.name;
    touch.key = update.key;
    touch.serverName = update.serverName;
    touch.serverId = update.serverId;
    touch.live = live;
    touch.expiresInMs = update.expiresInMs;
    touch.idleMs = live ? 0 : idleMs(table.expireMs, update.expiresInMs);
    touch.bytesOut = update.bytesOut;
    events.onTouch(touch);
  }

  /**
   * Not with each read: HAProxy needs acknowledgements only to know what to say again on the next link, and on a site with some traffic
   * each would cost both sides more than the update.
   */
  function onAckDue(): void {
    ackTimer = undefined;
    // Before and during a dump nothing of this is sent: the request has its own, and HAProxy hears none until the confirmation.
    if (state !== 'live' || isDumping) return;
    if (blocked) {
      ackTimer = setTimeout(onAckDue, context.ackMs);
      return;
    }
    ackAll();
    flush();
  }

  function ackAll(): void {
    for (const [tableId, updateId] of unacked) replies.push(ackMessage(tableId, updateId));
    stats.acksSent += unacked.size;
    unacked.clear();
  }

  /** Sends in one write what is to be said. */
  function flush(): void {
    if (replies.length === 0) return;
    const bytes = replies.length === 1 ? replies[0] : Buffer.concat(replies);
    replies = [];
    if (bytes !== undefined) send(bytes);
  }

  function send(bytes: Buffer): void {
    if (state === 'closed' || duplex.write(bytes)) return;
    blocked = true;
    duplex.pause();
  }

  function onDrain(): void {
    blocked = false;
    duplex.resume();
  }

  function fail(reason: keyof PeersStats['closed'], why: string): void {
    log.warn({ node: touch.node, reason: why }, 'peers: closing a connection');
    close(reason);
  }

  function close(reason?: keyof PeersStats['closed']): void {
    if (state === 'closed') return;
    if (reason !== undefined) stats.closed[reason]++;
    state = 'closed';
    clearTimeout(timer);
    clearTimeout(ackTimer);
    clearInterval(heart);
    duplex.destroy();
  }

  function isClosed(): boolean {
    return state === 'closed';
  }

  function onError(error: NodeJS.ErrnoException): void {
    // HAProxy closes with unread data: a reset is a normal end.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return;
    stats.socketErrors++;
    log.warn({ err: error, node: touch.node }, 'peers: a connection broke');
  }

  function onClose(): void {
    close();
    events.onClosed();
  }
}

/** How long ago an entry was used that expires so soon; undefined where that cannot be told. */
function idleMs(tableExpireMs: number, expiresInMs: number | undefined): number | undefined {
  if (expiresInMs === undefined || tableExpireMs === 0) return undefined;
  return Math.max(0, tableExpireMs - expiresInMs);
}
