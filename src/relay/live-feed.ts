import type { IncomingHttpHeaders } from 'node:http';
import { createEntry, createPacketReader, createSplicer, type Entry, type JoinPoint, nullPackets } from '../mpegts';
import type { Accounts, Slot, SlotRequest } from './accounts';
import type { CardPlay, CardReason, Cards } from './cards';
import type { Failover, SourceName } from './client';
import { mostStartTries, provenMs, resolverFirstMs, startPauseMs } from './failover-rules';
import { type MediaKind, sniffMedia } from './media-sniff';
import { isBusy } from './no-source';
import type { OpenSource, Provider, SourceFailure, Trigger } from './provider';
import { brokenSource, endedSource, failureOf, stalledSource } from './provider-answer';
import type { SharedReader } from './shared-source';
import type { SourcesHealth } from './source-health';
import type { Standby } from './standby';
import type { Resolve } from './stream-resolvers';
import { type SlotPolicy, takeSlot } from './take-slot';

/** Who takes what a feed gives: one client, or the ring that many read. */
export type FeedSink = Omit<SharedReader, 'drop'>;

/** What a feed tells of. Sources are named by their index in the list, the card by its name. */
export interface FeedReports {
  /** The first byte of all is of this source. */
  began(source: number): void;
  connected(source: number, elapsedMs: number, failure: SourceFailure | undefined): void;
  failedOver(report: Omit<Failover, 'client'>): void;
}

export interface FeedTimes {
  /** A source that gives nothing for so long has failed. */
  readonly stallMs: number;
  /** Null packets are sent when nothing came for so long. */
  readonly nullPacketsAfterMs: number;
  /** So long a keyframe of the next source is waited for. */
  readonly joinWithinMs: number;
  /** A source that failed after having run so long is tried once more at once. */
  readonly retryAfterRunningMs: number;
  /** A reader that takes nothing for so long has its connection to the provider closed; it gets a new one when it reads again. */
  readonly pausedMs: number;
}

export interface LiveFeedOptions {
  /** As they are now: the list may change while the feed runs. */
  readonly sources: () => readonly string[];
  /** The source with which to begin. */
  readonly start: number;
  /** What is sent to the provider, names in lower case. */
  readonly headers: () => Readonly<Record<string, string>>;
  /** The URL that is asked for a source: with the client's query of catch-up, say. */
  readonly urlFor?: ((source: string) => string) | undefined;
  readonly provider: Provider;
  readonly accounts: Accounts;
  readonly policy: SlotPolicy;
  /** Who reads, for the account's slots: asked when another wants one. */
  readonly client: () => string;
  readonly health: SourcesHealth;
  /** The next source, if it is read before it is needed. */
  readonly standby?: Pick<Standby, 'readyUrl' | 'join'> | undefined;
  /** Asks where to go on; its answer is one of `sources` from then on. */
  readonly resolve?: Resolve | undefined;
  /** What is played while no source is left; undefined: null packets only. */
  readonly cards?: Cards | undefined;
  readonly times: FeedTimes;
  readonly sink: FeedSink;
  readonly reports: FeedReports;
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
}

/** One live stream for one reader, out of whichever of its sources works. */
export interface LiveFeed {
  /** The sink takes bytes again. */
  resume(): void;
  /**
   * Goes over to the next source, or to the one with this URL.
   * @returns the index of the one that it tries first; undefined where there is none, or the feed is going over already.
   */
  failover(to?: string): number | undefined;
  /** Looks what is due; to be called some times a second. */
  tick(): void;
  /** Closes every connection. Idempotent; nothing is told to the sink any more. */
  stop(): void;
  /** Index of the source that plays; -1 while none does. */
  readonly source: number;
  /** Why a card plays; undefined while none does. */
  readonly card: CardReason | undefined;
}

/** One try to read a source. */
interface Attempt {
  readonly index: number;
  readonly url: string;
  readonly controller: AbortController;
  readonly sinceMs: number;
  /** Why it is tried, where it is to follow another. */
  readonly follows: Gap | undefined;
  slot: Slot | undefined;
  input: Input | undefined;
  kind: MediaKind | undefined;
  /** Bytes that do not tell yet what they are. */
  head: Buffer | undefined;
  readonly reader: ReturnType<typeof createPacketReader>;
  /** Looks for the place to join; only while another source was on air before. */
  entry: Entry | undefined;
  firstByteMs: number | undefined;
  lastByteMs: number;
  bytes: number;
  /** It has run for so long that earlier failures count no more. */
  isProven: boolean;
  isOver: boolean;
}

/** Where the bytes of a try come from. */
interface Input {
  readonly headers: IncomingHttpHeaders;
  pause(): void;
  resume(): void;
  close(): void;
}

/** What a switch has to bridge. */
interface Gap {
  readonly from: SourceName;
  /** Undefined where the old source had not failed. */
  readonly trigger: Trigger | undefined;
  readonly reason: string;
  /** When the last bytes of the old source went out; undefined while it is still on air. */
  readonly lostAtMs: number | undefined;
}

const nullPacketsEveryMs = 500;
/** After every source has failed in turn, so long at least is waited before the next round. */
const roundPauseMs = 1000;
/** While a card plays, a keyframe is waited for so much longer: there is something to see. */
const joinPatience = 5;
/** A file that is shorter than this is no programme but a notice: the limit of connections is reached, say. */
const noticeBytes = 16 * 1024 * 1024;

/**
 * Makes the feed of one reader and begins with its first source. Up to the first switch the bytes are the source's own; from then on they are one stream whose
 * parts follow each other without a seam. After the first byte it ends only when it is stopped, or when the source was a file.
 */
export function createLiveFeed(options: LiveFeedOptions): LiveFeed {
  const { sources, provider, accounts, policy, health, cards, times, sink, reports, nowMs } = options;
  const splicer = createSplicer();
  let playing: Attempt | undefined;
  let opening: Attempt | undefined;
  /** Which source is to be opened, and when. */
  let due: { readonly index: number; readonly atMs: number; readonly follows: Gap | undefined } | undefined;
  let kind: MediaKind | undefined;
  let isStopped = false;
  /** Since when the sink takes nothing. */
  let fullSinceMs: number | undefined;
  /** The source that played when a reader paused for too long. */
  let parked: number | undefined;
  /** When bytes of the stream went out last; Infinity: none did yet. */
  let lastOutMs = Infinity;
  let lastNullMs = 0;
  /** While no source is on air. */
  let card: { readonly reason: CardReason; readonly play: CardPlay } | undefined;
  /** Sources of which no slot was to be had since one was on air. */
  const withoutSlot = new Set<string>();
  let lastFailure: SourceFailure | undefined;
  /** In a row, of whichever source. */
  let failedTries = 0;
  /** Before the first byte. */
  const failures: SourceFailure[] = [];

  function slotRequest(attempt: Attempt): SlotRequest {
    return {
      url: attempt.url,
      get client() {
        return options.client();
      },
      // The same client reads another stream with this slot now: this one is over.
      onTakenOver: () => giveUp(attempt),
    };
  }

  function giveUp(attempt: Attempt): void {
    if (attempt.isOver) return;
    const failure = failureOf('account', 'The same client took this connection of the account to another stream.');
    if (kind === undefined) refuse([failure]);
    else {
      stop();
      sink.end();
    }
  }

  function attemptOf(index: number, url: string, follows: Gap | undefined): Attempt {
    const now = nowMs();
    return {
      index,
      url,
      controller: new AbortController(),
      sinceMs: now,
      follows,
      slot: undefined,
      input: undefined,
      kind: undefined,
      head: undefined,
      reader: createPacketReader(),
      entry: undefined,
      firstByteMs: undefined,
      lastByteMs: now,
      bytes: 0,
      isProven: false,
      isOver: false,
    };
  }

  async function open(index: number, follows: Gap | undefined): Promise<void> {
    // The list may have become shorter.
    const list = sources();
    const at = index < list.length ? index : 0;
    const url = list[at];
    if (url === undefined) return;
    const attempt = attemptOf(at, url, follows);
    opening = attempt;
    const { signal } = attempt.controller;
    const slot = await takeSlot(accounts, slotRequest(attempt), policy, signal);
    if (signal.aborted) {
      slot?.release();
      return;
    }
    if (slot === undefined) {
      failed(attempt, failureOf('account', `All connections of the account ${accounts.nameOf(url) ?? ''} are in use.`));
      return;
    }
    attempt.slot = slot;
    const opened = await provider.open({
      url: options.urlFor?.(url) ?? url,
      method: 'GET',
      headers: options.headers(),
      signal,
    });
    if (isOver(attempt)) {
      opened.source?.close();
      slot.release();
      return;
    }
    reports.connected(at, nowMs() - attempt.sinceMs, opened.failure);
    if (opened.failure === undefined) listen(attempt, opened.source);
    else failed(attempt, opened.failure);
  }

  function listen(attempt: Attempt, source: OpenSource): void {
    const { body } = source;
    attempt.input = {
      headers: source.headers,
      pause: () => body.pause(),
      resume: () => body.resume(),
      close: () => source.close(),
    };
    attempt.lastByteMs = nowMs();
    body.on('data', (chunk: Buffer) => onData(attempt, chunk));
    body.on('end', () => onEnd(attempt));
    body.on('error', () => failed(attempt, brokenSource));
    body.on('close', () => failed(attempt, brokenSource));
    if (fullSinceMs !== undefined) body.pause();
  }

  /** Where in the list the source is that can be gone over to at once; -1: none can. */
  function readyIndex(): number {
    const url = options.standby?.readyUrl;
    const index = kind !== 'ts' || url === undefined ? -1 : sources().indexOf(url);
    return index === playing?.index ? -1 : index;
  }

  /** Goes over to the source that is read already. */
  function openStandby(index: number, follows: Gap): void {
    const attempt = attemptOf(index, sources()[index] ?? '', follows);
    opening = attempt;
    const place = options.standby?.join({
      begin: () => undefined,
      write(bytes) {
        // They are others' as well, and are changed here.
        for (const run of bytes) onData(attempt, Buffer.from(run));
        return fullSinceMs === undefined;
      },
      fill: () => undefined,
      end: () => failed(attempt, endedSource),
      fail: ([failure]) => failed(attempt, failure ?? brokenSource),
      drop: (reason) => failed(attempt, failureOf('reset', reason)),
    });
    if (place === undefined) {
      over(attempt);
      void open(index, follows);
      return;
    }
    attempt.input = {
      headers: {},
      // It is paused by what `write` gives.
      pause: () => undefined,
      resume: () => place.resume(),
      close: () => place.leave(),
    };
    if (attempt.isOver) place.leave();
  }

  function onEnd(attempt: Attempt): void {
    if (attempt.isOver) return;
    if (attempt.head !== undefined) sniff(attempt, attempt.head, true);
    if (isOver(attempt)) return;
    const length = Number(attempt.input?.headers['content-length'] ?? NaN);
    if (attempt === playing && length === attempt.bytes) {
      if (length >= noticeBytes || kind !== 'ts') {
        stop();
        sink.end();
        return;
      }
      failed(attempt, failureOf('limit', `The provider sent a clip of ${length} bytes instead of a live stream.`));
      return;
    }
    failed(attempt, endedSource);
  }

  function onData(attempt: Attempt, chunk: Buffer): void {
    if (attempt.isOver) return;
    const now = nowMs();
    attempt.lastByteMs = now;
    attempt.firstByteMs ??= now;
    attempt.bytes += chunk.length;
    if (attempt.kind !== undefined) {
      pass(attempt, chunk);
      return;
    }
    sniff(attempt, attempt.head === undefined ? chunk : Buffer.concat([attempt.head, chunk]), false);
  }

  /** Looks what the first bytes are. */
  function sniff(attempt: Attempt, bytes: Buffer, isAll: boolean): void {
    const sniffed = sniffMedia(bytes, attempt.input?.headers['content-type'], isAll);
    attempt.head = sniffed === undefined ? bytes : undefined;
    attempt.kind = sniffed;
    if (sniffed === undefined) return;
    if (sniffed === 'text' || sniffed === 'hls') {
      const what = sniffed === 'text' ? 'a text' : 'an HLS playlist';
      const failure = failureOf('type', `The provider sent ${what} instead of a stream.`);
      failed(attempt, sniffed === 'hls' ? { ...failure, found: 'hls' } : failure);
    } else if (kind !== undefined && kind !== sniffed) {
      failed(attempt, failureOf('type', 'The source is of another kind than what the client plays.'));
    } else pass(attempt, bytes);
  }

  /** Bytes of the kind that they should be. */
  function pass(attempt: Attempt, bytes: Buffer): void {
    if (kind === undefined) begin(attempt);
    if (attempt === playing) play(attempt, bytes);
    else if (attempt.kind === 'ts') lookForJoin(attempt, bytes);
    else {
      goOn(attempt, undefined);
      play(attempt, bytes);
    }
  }

  function begin(attempt: Attempt): void {
    kind = attempt.kind;
    playing = attempt;
    opening = undefined;
    withoutSlot.clear();
    const type = attempt.input?.headers['content-type'];
    reports.began(attempt.index);
    sink.begin(kind === 'ts' ? 'video/mp2t' : (type ?? 'application/octet-stream'));
  }

  /** A source that gives a few bytes and fails again, time after time, does not work. */
  function checkProven(now: number): void {
    if (playing === undefined || playing.isProven || now - (playing.firstByteMs ?? now) < provenMs) return;
    playing.isProven = true;
    failedTries = 0;
    health.works(playing.url);
  }

  function play(attempt: Attempt, bytes: Buffer): void {
    if (attempt.kind !== 'ts') {
      give([bytes]);
      return;
    }
    for (const run of attempt.reader.read(bytes)) give(splicer.write(run));
  }

  function give(bytes: readonly Buffer[]): void {
    if (bytes.length === 0) return;
    lastOutMs = nowMs();
    if (sink.write(bytes) || isStopped || fullSinceMs !== undefined) return;
    fullSinceMs = lastOutMs;
    playing?.input?.pause();
    opening?.input?.pause();
  }

  function lookForJoin(attempt: Attempt, bytes: Buffer): void {
    for (const run of attempt.reader.read(bytes)) {
      if (attempt === playing) {
        give(splicer.write(run));
        continue;
      }
      attempt.entry ??= createEntry();
      attempt.entry.write(run);
      const { point, isOverfull } = attempt.entry;
      if (point !== undefined) goOn(attempt, point);
      else if (isOverfull) attempt.entry = undefined;
    }
  }

  /** The source is on air from here on. */
  function goOn(attempt: Attempt, point: JoinPoint | undefined): void {
    const now = nowMs();
    const old = playing;
    const follows = card === undefined ? attempt.follows : cardGap(lastOutMs);
    const lostAtMs = follows?.lostAtMs ?? lastOutMs;
    playing = attempt;
    opening = undefined;
    card = undefined;
    withoutSlot.clear();
    attempt.entry = undefined;
    if (old !== undefined) over(old);
    // Even a source that ended in order may have ended in the middle of a picture.
    if (point !== undefined) give(splicer.join(point));
    if (follows?.trigger === undefined) return;
    const firstMs = follows.lostAtMs === undefined ? now : (attempt.firstByteMs ?? now);
    reports.failedOver({
      from: follows.from,
      to: attempt.index,
      trigger: follows.trigger,
      reason: follows.reason,
      byteGapMs: Math.max(0, firstMs - lostAtMs),
      pictureGapMs: point === undefined ? undefined : Math.max(0, now - lostAtMs),
    });
  }

  /** Ends a try; nothing that comes of it counts any more. */
  function over(attempt: Attempt): void {
    if (attempt.isOver) return;
    attempt.isOver = true;
    attempt.controller.abort();
    attempt.input?.close();
    attempt.slot?.release();
    attempt.entry = undefined;
    if (attempt === playing) playing = undefined;
    if (attempt === opening) opening = undefined;
  }

  function failed(attempt: Attempt, failure: SourceFailure): void {
    if (attempt.isOver) return;
    const now = nowMs();
    const wasPlaying = attempt === playing;
    over(attempt);
    if (failure.trigger === 'account') withoutSlot.add(attempt.url);
    else health.failed(attempt.url, failure, attempt.sinceMs, now);
    lastFailure = failure;
    failedTries++;
    if (kind === undefined) {
      failures.push(failure);
      const isLast =
        failures.length >= sources().length || (failure.trigger === 'account' && policy.whenFull === 'refuse');
      const asked = failures.length < mostStartTries ? resolve(attempt, failure) : undefined;
      if (!isLast) goOnAfter(attempt.index, undefined, asked);
      else if (asked === undefined) giveUpStart(attempt, failure);
      else void asked.then((to) => answered(to, undefined) || giveUpStart(attempt, failure));
      return;
    }
    if (wasPlaying) {
      // The next one is on its way already where somebody asked for it.
      if (opening !== undefined || due !== undefined) return;
      const gap = { from: attempt.index, trigger: failure.trigger, reason: failure.reason, lostAtMs: lastOutMs };
      const ranMs = now - (attempt.firstByteMs ?? now);
      if (ranMs >= times.retryAfterRunningMs && readyIndex() === -1) void open(attempt.index, gap);
      else goOnAfter(attempt.index, gap, resolve(attempt, failure));
      return;
    }
    const { trigger, reason } = failure;
    const follows = attempt.follows ?? { from: attempt.index, trigger, reason, lostAtMs: lastOutMs };
    if (playing === undefined) {
      const gap = { ...follows, lostAtMs: follows.lostAtMs ?? lastOutMs };
      goOnAfter(attempt.index, gap, resolve(attempt, failure));
    }
    // Somebody asked for another source, and none of the others works: the old one plays on.
    else if (failedTries < sources().length - 1) openNext(attempt.index, follows);
  }

  /** Undefined where nobody is asked: there is no resolver, or a source is ready that shows no gap. */
  function resolve({ url, index }: Attempt, failure: SourceFailure): ReturnType<Resolve> {
    return readyIndex() === -1 ? options.resolve?.({ url, index, failure }) : undefined;
  }

  /** Goes on with what the resolver names; with the list where it names nothing, or not soon. */
  function goOnAfter(from: number, follows: Gap | undefined, asked: ReturnType<Resolve>): void {
    if (asked === undefined) {
      openNext(from, follows);
      return;
    }
    const now = nowMs();
    const { index, waitMs } = health.next(sources(), from, now) ?? { index: from, waitMs: 0 };
    const waiting = { index, atMs: now + Math.max(waitMs, resolverFirstMs), follows };
    due = waiting;
    void asked.then((to) => {
      if (answered(to, follows) || due !== waiting) return;
      due = undefined;
      openNext(from, follows);
    });
  }

  /** @returns whether its answer is of use: not where a source is there by now. */
  function answered(to: string | undefined, follows: Gap | undefined): boolean {
    const index = to === undefined ? -1 : sources().indexOf(to);
    if (isStopped || playing !== undefined || parked !== undefined || opening?.kind !== undefined) return true;
    if (index === -1) return false;
    const gap = opening?.follows ?? due?.follows ?? follows;
    if (opening !== undefined) over(opening);
    due = undefined;
    void open(index, gap);
    return true;
  }

  /** No source gives a byte. */
  function giveUpStart(attempt: Attempt, failure: SourceFailure): void {
    // There is something to see, elsewhere.
    if (failures[0]?.found === 'hls') refuse(failures);
    else if (cards?.when === 'always') beginWithCard(attempt, failure, cards);
    else refuse(failures);
  }

  /** @returns which one, at once or after a pause. */
  function openNext(from: number, follows: Gap | undefined): number | undefined {
    const ready = readyIndex();
    if (ready !== -1 && follows !== undefined) {
      openStandby(ready, follows);
      return ready;
    }
    const list = sources();
    const now = nowMs();
    const next = health.next(list, from, now, kind === undefined ? startPauseMs : undefined);
    if (next === undefined) return undefined;
    if (playing !== undefined && next.index === playing.index) return undefined;
    const isRound = kind !== undefined && failedTries > 0 && failedTries % Math.max(1, list.length) === 0;
    const waitMs = Math.max(next.waitMs, isRound ? roundPauseMs : 0);
    if (waitMs > 0) due = { index: next.index, atMs: now + waitMs, follows };
    else void open(next.index, follows);
    return next.index;
  }

  /** Which card tells why no source is left; undefined while one is that may work. */
  function cardReason(): CardReason | undefined {
    let isFull = false;
    for (const url of sources()) {
      const { failure } = health.of(url);
      if (failure === undefined && !withoutSlot.has(url)) return undefined;
      if (withoutSlot.has(url) || (failure !== undefined && isBusy(failure))) isFull = true;
    }
    return isFull ? 'full' : 'down';
  }

  /** The reader has got nothing yet, and no source can be opened: what it gets is the card. */
  function beginWithCard(attempt: Attempt, { trigger, reason }: SourceFailure, from: Cards): void {
    kind = 'ts';
    sink.begin('video/mp2t');
    const gap = { from: attempt.index, trigger, reason, lostAtMs: attempt.sinceMs };
    playCard(from, cardReason() ?? 'down', gap);
    if (!isStopped) openNext(attempt.index, gap);
  }

  function playCard(from: Cards, why: CardReason, { from: source, trigger, reason, lostAtMs }: Gap): void {
    const now = nowMs();
    const play = from.play(why, now);
    card = { reason: why, play };
    const gapMs = Math.max(0, now - (lostAtMs ?? lastOutMs));
    give(splicer.join(play.point));
    giveCard(now);
    const told = trigger === undefined ? lastFailure : { trigger, reason };
    if (told === undefined) return;
    const gaps = { byteGapMs: gapMs, pictureGapMs: gapMs };
    reports.failedOver({ from: source, to: 'card', card: why, trigger: told.trigger, reason: told.reason, ...gaps });
  }

  function giveCard(now: number): void {
    if (card !== undefined) give(splicer.write(card.play.read(now)));
  }

  function checkCard(now: number): void {
    if (cards === undefined || kind !== 'ts' || playing !== undefined || card !== undefined) return;
    if (now - lastOutMs < cards.afterMs || opening?.kind !== undefined) return;
    const gap = opening?.follows ?? due?.follows;
    const why = cardReason();
    if (gap !== undefined && why !== undefined) playCard(cards, why, gap);
  }

  function refuse(all: readonly SourceFailure[]): void {
    stop();
    sink.fail(all);
  }

  function stop(): void {
    if (isStopped) return;
    isStopped = true;
    due = undefined;
    card = undefined;
    if (playing !== undefined) over(playing);
    if (opening !== undefined) over(opening);
  }

  /** A slot at the provider is not held for a reader that has paused. */
  function park(): void {
    const index = (playing ?? opening)?.index ?? due?.index ?? options.start;
    due = undefined;
    card = undefined;
    if (playing !== undefined) over(playing);
    if (opening !== undefined) over(opening);
    parked = index;
  }

  function checkStall(attempt: Attempt | undefined, now: number): void {
    if (attempt?.input === undefined || now - attempt.lastByteMs < times.stallMs) return;
    failed(attempt, stalledSource(times.stallMs));
  }

  function checkJoin(now: number): void {
    const entry = opening?.entry;
    if (opening === undefined || entry === undefined) return;
    const waitedMs = now - (opening.firstByteMs ?? now);
    if (waitedMs < times.joinWithinMs) return;
    const { anyPoint } = entry;
    if (anyPoint !== undefined && (card === undefined || waitedMs >= joinPatience * times.joinWithinMs))
      goOn(opening, anyPoint);
    else if (anyPoint === undefined && waitedMs >= 2 * times.joinWithinMs)
      failed(opening, failureOf('type', 'The source has no programme tables that can be followed.'));
  }

  void open(options.start, undefined);
  return {
    resume() {
      if (fullSinceMs === undefined || isStopped) return;
      fullSinceMs = undefined;
      const now = nowMs();
      if (parked !== undefined) {
        const from = parked;
        parked = undefined;
        void open(from, { from, trigger: undefined, reason: '', lostAtMs: lastOutMs });
      }
      for (const attempt of [playing, opening]) {
        if (attempt?.input === undefined) continue;
        attempt.lastByteMs = now;
        attempt.input.resume();
      }
      lastOutMs = now;
    },
    failover(to) {
      if (isStopped || parked !== undefined) return undefined;
      const wanted = to === undefined ? -1 : sources().indexOf(to);
      if (kind !== undefined && playing === undefined && opening === undefined && due !== undefined) {
        // Nothing plays: what is due next is not waited for.
        const { index, follows } = due;
        due = undefined;
        const next = wanted === -1 ? index : wanted;
        void open(next, follows);
        return next;
      }
      if (sources().length < 2) return undefined;
      if (kind === undefined) {
        if (opening === undefined) return undefined;
        const { index } = opening;
        over(opening);
        if (wanted === -1) return openNext(index, undefined);
        void open(wanted, undefined);
        return wanted;
      }
      if (playing === undefined || opening !== undefined || due !== undefined || fullSinceMs !== undefined)
        return undefined;
      const { index, url } = playing;
      const ready = wanted === -1 ? readyIndex() : -1;
      const named = ready === -1 ? wanted : ready;
      const next = named === -1 ? health.next(sources(), index, nowMs()) : { index: named };
      const nextUrl = sources()[next?.index ?? -1];
      if (next === undefined || next.index === index || nextUrl === undefined) return undefined;
      failedTries = 0;
      const gap = { from: index, trigger: 'manual', reason: 'An operator asked for it.' } as const;
      const account = accounts.nameOf(url);
      if (ready !== -1) {
        openStandby(ready, { ...gap, lostAtMs: undefined });
        return ready;
      }
      // The slot of the old source is needed for the new one.
      const isSameAccount = account !== undefined && account === accounts.nameOf(nextUrl);
      if (isSameAccount) over(playing);
      void open(next.index, { ...gap, lostAtMs: isSameAccount ? lastOutMs : undefined });
      return next.index;
    },
    tick() {
      if (isStopped || parked !== undefined) return;
      const now = nowMs();
      if (fullSinceMs !== undefined && now - fullSinceMs >= times.pausedMs) {
        park();
        return;
      }
      if (due !== undefined && now >= due.atMs) {
        const { index, follows } = due;
        due = undefined;
        void open(index, follows);
      }
      if (fullSinceMs !== undefined) return;
      checkProven(now);
      checkStall(playing, now);
      checkStall(opening, now);
      checkJoin(now);
      checkCard(now);
      giveCard(now);
      if (kind !== 'ts' || now - lastOutMs < times.nullPacketsAfterMs || now - lastNullMs < nullPacketsEveryMs) return;
      lastNullMs = now;
      sink.fill(nullPackets);
    },
    stop,
    get source() {
      return playing?.index ?? -1;
    },
    get card() {
      return card?.reason;
    },
  };
}

/** What the source bridges that follows a card. */
function cardGap(lostAtMs: number): Gap {
  return { from: 'card', trigger: 'card', reason: 'A source works again.', lostAtMs };
}

/** A try changes while something is done, which the compiler does not know. */
function isOver(attempt: Attempt): boolean {
  return attempt.isOver;
}
