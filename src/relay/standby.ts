import { createPacketReader } from '../mpegts';
import type { Accounts, Slot } from './accounts';
import { type MediaKind, sniffMedia } from './media-sniff';
import type { OpenSource, Provider, SourceFailure } from './provider';
import { brokenSource, endedSource, failureOf, stalledSource } from './provider-answer';
import { createSharedSource, type SharedPlace, type SharedReader, type SharedSource } from './shared-source';
import type { SourcesHealth } from './source-health';

export interface StandbyOptions {
  /** The source that is to be ready; undefined where there is none. */
  readonly wanted: () => string | undefined;
  /** What is sent to the provider, names in lower case. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly provider: Provider;
  readonly accounts: Accounts;
  /** For whom it holds its slot. */
  readonly client: string;
  readonly health: SourcesHealth;
  /** A source that gives nothing for so long has failed. */
  readonly stallMs: number;
  readonly nowMs: () => number;
}

/** The next source of a stream, read before it is needed: once for all clients, its newest pictures held in memory. */
export interface Standby {
  /** The source that can be gone over to at this moment: it has given a keyframe. */
  readonly readyUrl: string | undefined;
  /**
   * Reads along from the newest keyframe on; undefined when none is ready. The bytes are everybody's: whoever changes them makes a copy. From then on the source
   * is no standby any more, and the next one is opened.
   */
  join(reader: SharedReader): SharedPlace | undefined;
  /** Looks what is due; to be called some times a second. */
  tick(): void;
  /** Closes what nobody reads; what is read goes on until its last reader has left. Idempotent. */
  stop(): void;
}

/** After a slot was not to be had. */
const slotPauseMs = 5000;

/** One source that is read, or about to be. */
interface Hot {
  readonly url: string;
  readonly controller: AbortController;
  readonly slot: Slot;
  readonly sinceMs: number;
  readonly shared: SharedSource;
  readonly packets: ReturnType<typeof createPacketReader>;
  source: OpenSource | undefined;
  kind: MediaKind | undefined;
  head: Buffer | undefined;
  lastByteMs: number;
  isOver: boolean;
}

/** Makes the standby of one stream. It begins with the first tick. */
export function createStandby(options: StandbyOptions): Standby {
  const { provider, accounts, health, stallMs, nowMs } = options;
  let hot: Hot | undefined;
  /** Those that clients read. */
  const promoted = new Set<Hot>();
  let nextTryMs = -Infinity;
  let isAsking = false;
  let isStopped = false;

  function begin(url: string, slot: Slot): Hot {
    const now = nowMs();
    const made: Hot = {
      url,
      controller: new AbortController(),
      slot,
      sinceMs: now,
      shared: createSharedSource({ onResume: () => made.source?.body.resume() }),
      packets: createPacketReader(),
      source: undefined,
      kind: undefined,
      head: undefined,
      lastByteMs: now,
      isOver: false,
    };
    made.shared.begin('video/mp2t');
    return made;
  }

  async function open(url: string): Promise<void> {
    isAsking = true;
    const taken = accounts.take({ url, client: options.client, onTakenOver: () => undefined });
    const slot = taken instanceof Promise ? await taken : taken;
    isAsking = false;
    if (slot === undefined) {
      nextTryMs = nowMs() + slotPauseMs;
      return;
    }
    if (isStopped || options.wanted() !== url) {
      slot.release();
      return;
    }
    const made = begin(url, slot);
    hot = made;
    const { signal } = made.controller;
    const opened = await provider.open({ url, method: 'GET', headers: options.headers(), signal });
    if (signal.aborted) opened.source?.close();
    else if (opened.failure !== undefined) failed(made, opened.failure);
    else listen(made, opened.source);
  }

  function listen(made: Hot, source: OpenSource): void {
    made.source = source;
    made.lastByteMs = nowMs();
    const broken = (): void => failed(made, brokenSource);
    source.body.on('data', (chunk: Buffer) => onData(made, chunk));
    source.body.on('end', () => failed(made, endedSource));
    source.body.on('error', broken);
    source.body.on('close', broken);
  }

  function onData(made: Hot, chunk: Buffer): void {
    if (made.isOver) return;
    made.lastByteMs = nowMs();
    let bytes = chunk;
    if (made.kind === undefined) {
      bytes = made.head === undefined ? chunk : Buffer.concat([made.head, chunk]);
      made.kind = sniffMedia(bytes, made.source?.headers['content-type']);
      made.head = made.kind === undefined ? bytes : undefined;
      if (made.kind === undefined) return;
      if (made.kind !== 'ts') {
        failed(made, failureOf('type', 'The provider sent something else than an MPEG transport stream.'));
        return;
      }
    }
    if (!made.shared.write(made.packets.read(bytes))) made.source?.body.pause();
  }

  function over(made: Hot): void {
    if (made.isOver) return;
    made.isOver = true;
    made.controller.abort();
    made.source?.close();
    made.slot.release();
    promoted.delete(made);
    if (hot === made) hot = undefined;
  }

  function failed(made: Hot, failure: SourceFailure): void {
    if (made.isOver) return;
    const isRead = promoted.has(made);
    over(made);
    // Whoever reads it tells of the failure.
    if (isRead) made.shared.fail([failure]);
    else health.failed(made.url, failure, made.sinceMs, nowMs());
  }

  function checkStall(made: Hot, now: number): void {
    if (made.source === undefined || made.source.body.isPaused() || now - made.lastByteMs < stallMs) return;
    failed(made, stalledSource(stallMs));
  }

  function leave(made: Hot, place: SharedPlace): void {
    place.leave();
    if (made.shared.readers === 0) over(made);
  }

  return {
    get readyUrl() {
      return hot?.shared.isJoinable === true ? hot.url : undefined;
    },
    join(reader) {
      if (hot?.shared.isJoinable !== true) return undefined;
      const made = hot;
      promoted.add(made);
      // Others whose source fails at the same moment read along; the next one is opened with the next tick.
      const place = made.shared.join(reader);
      return {
        resume: () => place.resume(),
        leave: () => leave(made, place),
        get lagBytes() {
          return place.lagBytes;
        },
      };
    },
    tick() {
      if (isStopped) return;
      const now = nowMs();
      for (const made of promoted) checkStall(made, now);
      if (hot !== undefined) checkStall(hot, now);
      const url = options.wanted();
      if (hot !== undefined && hot.url !== url) {
        if (promoted.has(hot)) hot = undefined;
        else over(hot);
      }
      if (hot !== undefined || isAsking || url === undefined || now < nextTryMs || health.of(url).retryAtMs > now)
        return;
      void open(url);
    },
    stop() {
      isStopped = true;
      if (hot !== undefined && !promoted.has(hot)) over(hot);
      hot = undefined;
    },
  };
}
