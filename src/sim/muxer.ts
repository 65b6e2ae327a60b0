import { randomBytes, randomUUID } from 'node:crypto';
import type { SimVariant } from './timeline';

/** One play of one stream by one player, as session-era servers know it. */
export interface Session {
  /** What the Control API shows and kicks. */
  readonly id: string;
  /** What the player must bring, as cookie or query parameter. */
  readonly secret: string;
  readonly stream: string;
  readonly createdMs: number;
  readonly clientIp: string;
  /** Client address and port of the first request. */
  readonly remoteAddress: string;
  readonly query: string;
  readonly userAgent: string;
  readonly isCdn: boolean;
  lastRequestMs: number;
  bytesSent: number;
}

/**
 * The HLS muxer of one stream: MediaMTX starts it at the first request, with a new random prefix and at media sequence 0, and
 * gives it up when nobody has asked for `muxerCloseAfterMs`, or when the publisher is lost.
 */
export interface Muxer {
  readonly stream: string;
  readonly variant: SimVariant;
  readonly prefix: string;
  readonly createdMs: number;
  /** When the content began; earlier than `createdMs` if the first segment is to come sooner than in real time. */
  readonly originMs: number;
  lastRequestMs: number;
  bytesSent: number;
  /** By secret, the one that was idle longest in front. */
  readonly sessions: Map<string, Session>;
  cdnSession: Session | undefined;
  /** Sum of the sessions' creation times: together with their number it gives the bytes that they read, without a walk. */
  createdSumMs: number;
  /** Bytes read by sessions that are gone. */
  closedReadMs: number;
  /** Told when the muxer is closed: requests that wait for content. */
  readonly onClose: Set<() => void>;
  isClosed: boolean;
}

/** Starts a muxer. */
export function createMuxer(stream: string, variant: SimVariant, nowMs: number, originMs: number): Muxer {
  return {
    stream,
    variant,
    prefix: randomBytes(6).toString('hex'),
    createdMs: nowMs,
    originMs,
    lastRequestMs: nowMs,
    bytesSent: 0,
    sessions: new Map(),
    cdnSession: undefined,
    createdSumMs: 0,
    closedReadMs: 0,
    onClose: new Set(),
    isClosed: false,
  };
}

/** Who opens a session. */
export type SessionOpener = Pick<Session, 'clientIp' | 'remoteAddress' | 'query' | 'userAgent' | 'isCdn'>;

/** Opens a session. A CDN has one for each stream; a new one replaces it. */
export function openSession(muxer: Muxer, opener: SessionOpener, nowMs: number): Session {
  const session: Session = {
    ...opener,
    id: randomUUID(),
    secret: randomUUID(),
    stream: muxer.stream,
    createdMs: nowMs,
    lastRequestMs: nowMs,
    bytesSent: 0,
  };
  if (session.isCdn) {
    if (muxer.cdnSession) closeSession(muxer, muxer.cdnSession, nowMs);
    muxer.cdnSession = session;
  } else muxer.sessions.set(session.secret, session);
  muxer.createdSumMs += nowMs;
  return session;
}

/** Ends a session: its secret is worth nothing from now on. */
export function closeSession(muxer: Muxer, session: Session, nowMs: number): void {
  if (session.isCdn) muxer.cdnSession = undefined;
  else muxer.sessions.delete(session.secret);
  muxer.createdSumMs -= session.createdMs;
  muxer.closedReadMs += nowMs - session.createdMs;
}

/** Marks a session as used, which puts it behind all others in the order of idleness. */
export function touchSession(muxer: Muxer, session: Session, nowMs: number): void {
  session.lastRequestMs = nowMs;
  if (session.isCdn) return;
  muxer.sessions.delete(session.secret);
  muxer.sessions.set(session.secret, session);
}

/** Ends the sessions that have been idle for `idleMs`. Costs nothing for those that have not. Returns how many it ended. */
export function closeIdleSessions(muxer: Muxer, nowMs: number, idleMs: number): number {
  let closed = 0;
  for (const session of muxer.sessions.values()) {
    if (nowMs - session.lastRequestMs < idleMs) break;
    closeSession(muxer, session, nowMs);
    closed++;
  }
  if (muxer.cdnSession && nowMs - muxer.cdnSession.lastRequestMs >= idleMs) {
    closeSession(muxer, muxer.cdnSession, nowMs);
    closed++;
  }
  return closed;
}

/** All sessions, in no particular order. */
export function allSessions(muxer: Muxer): Session[] {
  return muxer.cdnSession ? [...muxer.sessions.values(), muxer.cdnSession] : [...muxer.sessions.values()];
}

/** Milliseconds of stream that all its sessions, past and present, have been attached for. */
export function attachedMs(muxer: Muxer, nowMs: number): number {
  const count = muxer.sessions.size + (muxer.cdnSession ? 1 : 0);
  return muxer.closedReadMs + count * nowMs - muxer.createdSumMs;
}

/** Gives the muxer up: all its sessions end, and requests that wait for content are told. */
export function closeMuxer(muxer: Muxer): void {
  muxer.isClosed = true;
  muxer.sessions.clear();
  muxer.cdnSession = undefined;
  const waiting = [...muxer.onClose];
  muxer.onClose.clear();
  for (const tell of waiting) tell();
}
