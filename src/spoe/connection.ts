import type { Duplex } from 'node:stream';
import type { Logger } from '../log';
import { observeSeconds, type RecordTime } from '../measure';
import { type Decision, undecided } from '../router';
import type { Cursor, PlaceHolder } from '../wire';
import type { AckBatch } from './ack-batch';
import type { Answers } from './answers';

import { abortFlag, type FrameHeader, finFlag, frameType, readFrameHeader } from './frame';
import { createFrameReader } from './frame-reader';
import { agentDisconnect, negotiate, readDisconnect } from './handshake';
import { type Question, readQuestion } from './payload';
import type { SpoeStats } from './stats';
import type { StatusName } from './status';

/** Answers "which server has this stream?": at once, or later when servers must be asked. */
export type Decide = (stream: string, session: string) => Decision | Promise<Decision>;

/** What all connections of one server share. */
export interface ConnectionContext {
  readonly decide: Decide;
  readonly answers: Answers;
  readonly batch: AckBatch;
  readonly stats: SpoeStats;
  readonly recordDecision: RecordTime;
  readonly log: Logger;
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
  /** Longest frame accepted, in bytes without its length. */
  readonly maxFrameSizeBytes: number;
  /** How long a connection may take for its HELLO. */
  readonly helloTimeoutMs: number;
  /** How many NOTIFYs of a connection may wait for lookups before it is no longer read; what one read brought is still taken. */
  readonly maxWaitingPerConnection: number;
  /** How long the peer may take to close after the agent said its last word. */
  readonly lingerMs: number;
  /** While true, health checks are answered with DISCONNECT, so that HAProxy asks no more. */
  draining: boolean;
}

/** One connection of HAProxy. */
export interface SpoeConnection extends PlaceHolder {
  /** Takes what HAProxy sent; the bytes are its own again when this returns. */
  read(bytes: Buffer): void;
  /** Whether it never asked, or not since `sinceMs` and nothing waits. */
  canGo(sinceMs: number): boolean;
  /** Closes without a word. */
  destroy(): void;
  /**
   * Answers what still waits with `unknown`, sends DISCONNECT and closes. HAProxy gives up what it asks in the same moment, so the moment should be
   * one when it asks nothing.
   */
  stop(): void;
}

/** A NOTIFY that waits for a lookup. */
interface Waiting {
  /** Its stream-id and frame-id as received. */
  readonly ids: Uint8Array;
  readonly askedAtMs: number;
  decision: Decision;
}

/**
 * Serves HAProxy's end of a connection until it closes: what comes is given to `read`, answers are written to `duplex`, which is paused while
 * no more can be taken. Errors of the stream end the connection and go no further.
 *
 * Exactly one ACK answers each NOTIFY, in any order. All ACKs of one read leave in one write, so do those that are decided later within one turn
 * of the event loop; no frame is ever split over two writes (HAProxy 3.2 before 3.2.17 resets the connection on a HELLO in two segments).
 *
 * @param address of the other end, as `addressKey` gives it.
 * @param onClosed is called once, when the stream has closed.
 */
export function createConnection(
  duplex: Duplex,
  context: ConnectionContext,
  address: string,
  onClosed: () => void,
): SpoeConnection {
  const { answers, batch, decide, log, nowMs, recordDecision, stats } = context;
  const cursor: Cursor = { bytes: Buffer.alloc(0), offset: 0, end: 0 };
  const header: FrameHeader = { type: 0, flags: 0, idsStart: 0, idsEnd: 0 };
  const question: Question = { stream: undefined, session: undefined };
  const waiting = new Set<Waiting>();
  /** Decided, to leave together at the end of this turn. */
  let decided: Waiting[] = [];
  /** Of the answers in the batch. */
  let unknown = 0;
  /** `closing`: the last word is said; what still comes is read and dropped, so that closing does not reset the connection. */
  let state: 'hello' | 'open' | 'closing' = 'hello';
  /** The peer does not read: the last write went over the stream's high-water mark. */
  let blocked = false;
  let lastReadMs = nowMs();
  /** When a question that can be answered came; before the first, when the connection did. */
  let askedAtMs = lastReadMs;
  let hasAsked = false;
  let timer = setTimeout(() => fail('timeout', 'no HELLO in time'), context.helloTimeoutMs);
  const reader = createFrameReader(context.maxFrameSizeBytes, onFrame);

  duplex.on('drain', onDrain);
  duplex.on('end', onEnd);
  duplex.on('error', onError);
  duplex.on('close', onClose);
  return {
    address,
    get hasAsked() {
      return hasAsked;
    },
    get lastMs() {
      return askedAtMs;
    },
    read,
    canGo: (sinceMs) => !hasAsked || (waiting.size === 0 && askedAtMs < sinceMs),
    destroy: () => duplex.destroy(),
    stop() {
      for (const entry of waiting) settle(entry, undecided);
      if (state !== 'closing') disconnect('normal');
    },
  };

  function read(bytes: Buffer): void {
    if (state === 'closing') return;
    lastReadMs = nowMs();
    const error = reader.read(bytes);
    if (error === 'too-long') fail('frame-too-big', 'a frame is longer than agreed');
    else if (error === 'too-short') fail('invalid-frame', 'a frame is shorter than any');
    else flushRead();
  }

  /** Sends the ACKs of this read. All of them waited for the last one, so they share one measurement. */
  function flushRead(): void {
    const count = batch.count();
    if (count > 0) {
      stats.framesOut.ack += count;
      const tookMs = nowMs() - lastReadMs;
      observeSeconds(stats.decisions.time, tookMs / 1000, count);
      recordDecision(tookMs, count, unknown);
      unknown = 0;
      send(batch.take());
    }
    if (state !== 'closing' && waiting.size >= context.maxWaitingPerConnection) duplex.pause();
  }

  function send(bytes: Buffer | undefined): void {
    if (bytes !== undefined && !duplex.write(bytes)) {
      blocked = true;
      duplex.pause();
    }
  }

  function onDrain(): void {
    blocked = false;
    readOn();
  }

  function readOn(): void {
    if (!blocked && waiting.size < context.maxWaitingPerConnection && duplex.isPaused()) duplex.resume();
  }

  function onFrame(bytes: Buffer, start: number, end: number): boolean {
    cursor.bytes = bytes;
    cursor.offset = start;
    cursor.end = end;
    if (!readFrameHeader(cursor, header)) return fail('invalid-frame', 'a frame header is broken');
    switch (header.type) {
      case frameType.notify:
        return onNotify();
      case frameType.haproxyHello:
        return onHello();
      case frameType.haproxyDisconnect:
        return onDisconnect();
      case frameType.unset:
        return onFragment();
      default:
        // Unknown frames may be silently skipped (doc/SPOE.txt 3.2.2).
        stats.framesIn.other++;
        return true;
    }
  }

  /** ABORT may be ignored on a NOTIFY: it is about fragments, and every NOTIFY is answered (doc/SPOE.txt 3.2). */
  function onNotify(): boolean {
    stats.framesIn.notify++;
    if (state !== 'open') return fail('invalid-frame', 'a NOTIFY came before the HELLO');
    if (!isWhole()) return fail('fragmentation-not-supported', 'a NOTIFY is fragmented');
    if (!readQuestion(cursor, question)) return fail('invalid-frame', 'a NOTIFY is broken');
    const { stream, session } = question;
    if (stream === undefined || session === undefined) {
      stats.unanswerable++;
      answer(undecided);
      return true;
    }
    hasAsked = true;
    askedAtMs = lastReadMs;
    const decision = decideSafely(stream, session);
    if ('then' in decision) wait(decision);
    else answer(decision);
    return true;
  }

  function decideSafely(stream: string, session: string): Decision | Promise<Decision> {
    try {
      return decide(stream, session);
    } catch (error) {
      return onDecideFailure(error);
    }
  }

  function onDecideFailure(error: unknown): Decision {
    stats.decideFailures++;
    log.error({ err: error }, 'SPOE: a decision failed; answering unknown');
    return undecided;
  }

  function answer(decision: Decision): void {
    stats.decisions.byState[decision.state]++;
    if (decision.state === 'unknown') unknown++;
    batch.add(cursor.bytes, header.idsStart, header.idsEnd, answers.actionsFor(decision));
  }

  function wait(promise: Promise<Decision>): void {
    const ids = Uint8Array.prototype.slice.call(cursor.bytes, header.idsStart, header.idsEnd);
    const entry: Waiting = { ids, askedAtMs: lastReadMs, decision: undecided };
    waiting.add(entry);
    stats.waiting++;
    promise.then(
      (decision) => settle(entry, decision),
      (error: unknown) => settle(entry, onDecideFailure(error)),
    );
  }

  /** The lookup's end, unless the connection's end or a stop came first. */
  function settle(entry: Waiting, decision: Decision): void {
    if (!waiting.delete(entry)) return;
    stats.waiting--;
    if (state !== 'open') return;
    entry.decision = decision;
    decided.push(entry);
    // Runs after all promises that resolve in this turn: one lookup often answers many.
    if (decided.length === 1) process.nextTick(flushDecided);
  }

  function flushDecided(): void {
    if (decided.length === 0) return;
    const now = nowMs();
    for (const { ids, askedAtMs, decision } of decided) {
      stats.decisions.byState[decision.state]++;
      observeSeconds(stats.decisions.time, (now - askedAtMs) / 1000);
      recordDecision(now - askedAtMs, 1, decision.state === 'unknown' ? 1 : 0);
      batch.add(ids, 0, ids.length, answers.actionsFor(decision));
    }
    stats.framesOut.ack += decided.length;
    decided = [];
    send(batch.take());
    readOn();
  }

  function onHello(): boolean {
    stats.framesIn.haproxyHello++;
    if (state !== 'hello') return fail('invalid-frame', 'a second HELLO came');
    if (!isWhole()) return fail('fragmentation-not-supported', 'a HELLO is fragmented');
    const handshake = negotiate(cursor, context.maxFrameSizeBytes);
    if (handshake.kind === 'refused') return fail(handshake.status, 'the HELLO cannot be agreed to');
    if (handshake.healthcheck) stats.healthchecks++;
    if (handshake.healthcheck && context.draining) return disconnect('normal');
    clearTimeout(timer);
    reader.maxFrameSizeBytes = handshake.maxFrameSizeBytes;
    stats.framesOut.agentHello++;
    send(handshake.reply);
    if (handshake.healthcheck) return close();
    state = 'open';
    return true;
  }

  function onDisconnect(): boolean {
    stats.framesIn.haproxyDisconnect++;
    if (!isWhole()) return fail('fragmentation-not-supported', 'a DISCONNECT is fragmented');
    const reason = readDisconnect(cursor);
    if (reason === undefined) return fail('invalid-frame', 'a DISCONNECT is broken');
    stats.disconnectsReceived[reason.status]++;
    // HAProxy closes idle connections with the status `timeout`.
    const expected = reason.status === 'normal' || reason.status === 'timeout';
    log[expected ? 'debug' : 'warn'](reason, 'SPOE: HAProxy disconnects');
    return disconnect('normal');
  }

  /** Part of a message whose beginning was refused or never came. ABORT takes the message back. */
  function onFragment(): boolean {
    stats.framesIn.other++;
    if ((header.flags & abortFlag) !== 0) return true;
    return isWhole()
      ? fail('interlaced-frames', 'a last fragment came without a first')
      : fail('fragmentation-not-supported', 'a fragment came');
  }

  function isWhole(): boolean {
    return (header.flags & finFlag) !== 0;
  }

  function fail(status: StatusName, reason: string): false {
    log.warn({ status }, `SPOE: closing a connection: ${reason}`);
    return disconnect(status);
  }

  /** Sends what is decided, then DISCONNECT, and closes. */
  function disconnect(status: StatusName): false {
    flushRead();
    flushDecided();
    stats.disconnectsSent[status]++;
    stats.framesOut.agentDisconnect++;
    send(agentDisconnect(status));
    return close();
  }

  /** Ends our side and drops what still comes, until HAProxy has closed too or took too long. Returns false: nothing more is to be read. */
  function close(): false {
    state = 'closing';
    clearTimeout(timer);
    timer = setTimeout(() => duplex.destroy(), context.lingerMs);
    duplex.end();
    duplex.resume();
    return false;
  }

  function onEnd(): void {
    if (state !== 'closing') close();
  }

  function onError(error: NodeJS.ErrnoException): void {
    // HAProxy 3.1 and later close with unread data: a reset is a normal end.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return;
    stats.socketErrors++;
    log.warn({ err: error }, 'SPOE: a connection broke');
  }

  function onClose(): void {
    state = 'closing';
    clearTimeout(timer);
    stats.waiting -= waiting.size;
    waiting.clear();
    decided = [];
    onClosed();
  }
}
