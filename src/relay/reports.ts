import type { Emit } from '../events';
import { boundedLog, type Logger } from '../log';
import { createTimeHistogram, observeSeconds, type RecordTime, type TimeHistogram } from '../measure';
import { type ActiveStreams, allSourcesOf } from './active-streams';
import type { CardReason } from './cards';
import type { Failover, RelayClient, RelayReports, SourceName } from './client';
import { createFailoverHistory, type PastFailover } from './failover-history';
import { type Trigger, triggers } from './provider';
import { shownUrl } from './source-url';
import type { RelayStream } from './stream';

/** The last time that a client of a stream went over to another source. */
export interface LastFailover extends Omit<Failover, 'client'> {
  /** RFC 3339. */
  readonly time: string;
}

/** What is known of a stream beyond what is stored. */
export interface StreamFigures {
  /** It has clients, as told by `streamStarted` and `streamStopped`. */
  readonly isStarted: boolean;
  /** Bytes that clients got who have gone. */
  readonly bytesOfGone: number;
  /** Segments of HLS that they got. */
  readonly segmentsOfGone: number;
  /** Clients that no source could serve, and connections to providers that failed. */
  readonly errors: number;
  readonly failovers: number;
  readonly lastFailover: LastFailover | undefined;
  /** Unix time in ms: when a client came or went last; undefined: none did. */
  readonly lastAccessMs: number | undefined;
}

/** Plain numbers, read by the metrics. */
export interface ReportStats {
  /** Streams that have clients. */
  readonly startedStreams: number;
  clientsTotal: number;
  clientsFailed: number;
  bytesOfGone: number;
  segmentsOfGone: number;
  readonly failovers: Record<Trigger, number>;
  /** Times that a client was shown one. */
  readonly cards: Record<CardReason, number>;
  /** Attempts to open a source: by why they failed, or `ok`. */
  readonly connects: Record<'ok' | Trigger, number>;
  readonly connectTime: TimeHistogram;
  /** From the last byte of the old source to the first of the new one. */
  readonly byteGap: TimeHistogram;
  readonly pictureGap: TimeHistogram;
}

export interface ReportsOptions {
  readonly streamOf: (id: string) => RelayStream | undefined;
  readonly clientsOf: (streamId: string) => number;
  readonly active: Pick<ActiveStreams, 'find'>;
  readonly emit: Emit;
  /** Whether somebody wants an event for each client that comes or goes. */
  readonly wantsClients: () => boolean;
  readonly record: Readonly<Record<'provider_connect' | 'failover', RecordTime>>;
  readonly log: Logger;
  /** Unix time in ms. */
  readonly now?: () => number;
}

/** Makes events, figures, measurements and lines of the log of what happens. */
export interface Reports extends RelayReports {
  /** All zero for a stream of which nothing was reported. */
  of(streamId: string): StreamFigures;
  /** The last ones of a stream, newest first. */
  failoversOf(streamId: string): readonly PastFailover[];
  /** The ids of streams of which something was reported. */
  reported(): Iterable<string>;
  /** A stream is not stored any more: its figures go, at once or when its last client has gone. */
  forget(streamId: string): void;
  readonly stats: ReportStats;
}

const evidence = 'relay';
const connectBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;
const gapBounds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };
const nothing: StreamFigures = {
  isStarted: false,
  bytesOfGone: 0,
  segmentsOfGone: 0,
  errors: 0,
  failovers: 0,
  lastFailover: undefined,
  lastAccessMs: undefined,
};

export function createReports(options: ReportsOptions): Reports {
  const { streamOf, clientsOf, active, emit, wantsClients, record, now = Date.now } = options;
  // One provider that goes makes a line for each client.
  const log = boundedLog(options.log);
  /** Of stored streams, and of those that have clients: both are bounded. */
  const figures = new Map<string, Writable<StreamFigures>>();
  const connected = new WeakSet<RelayClient>();
  const history = createFailoverHistory();
  const byTrigger = (): Record<Trigger, number> =>
    Object.fromEntries(triggers.map((trigger) => [trigger, 0])) as Record<Trigger, number>;
  let startedStreams = 0;
  const stats: ReportStats = {
    get startedStreams() {
      return startedStreams;
    },
    clientsTotal: 0,
    clientsFailed: 0,
    bytesOfGone: 0,
    segmentsOfGone: 0,
    failovers: byTrigger(),
    cards: { down: 0, full: 0 },
    connects: { ok: 0, ...byTrigger() },
    connectTime: createTimeHistogram(connectBounds),
    byteGap: createTimeHistogram(gapBounds),
    pictureGap: createTimeHistogram(gapBounds),
  };

  /** What is counted for a stream; for one that is neither stored nor played, nothing that lasts. */
  function counted(streamId: string): Writable<StreamFigures> {
    const known = figures.get(streamId);
    if (known !== undefined) return known;
    const fresh = { ...nothing };
    if (streamOf(streamId) !== undefined) figures.set(streamId, fresh);
    return fresh;
  }

  function sourceText(streamId: string, index: SourceName): string | undefined {
    if (index === 'card') return index;
    const stream = streamOf(streamId);
    const url = stream === undefined ? undefined : allSourcesOf(stream, active.find(streamId))[index];
    return url === undefined ? undefined : shownUrl(url);
  }

  function clientFacts(client: RelayClient): Readonly<Record<string, unknown>> {
    const { id, userAgent, address, username } = client;
    return { client: id, userAgent, address, username };
  }

  return {
    stats,
    of: (streamId) => figures.get(streamId) ?? nothing,
    failoversOf: (streamId) => history.of(streamId),
    reported: () => figures.keys(),
    forget(streamId) {
      history.forget(streamId);
      if (figures.get(streamId)?.isStarted === false) figures.delete(streamId);
    },

    streamStarted(streamId) {
      const of = figures.get(streamId) ?? { ...nothing };
      if (of.isStarted) return;
      figures.set(streamId, of);
      of.isStarted = true;
      of.lastAccessMs = now();
      startedStreams++;
      const stream = streamOf(streamId);
      emit({
        type: 'stream.started',
        stream: streamId,
        evidence,
        data: {
          source: sourceText(streamId, 0),
          backups: stream?.failoverUrls.map(shownUrl),
          userAgent: stream?.userAgent,
          streamType: stream?.type,
          metadata: stream?.metadata,
        },
      });
    },
    streamStopped(streamId, reason) {
      const of = figures.get(streamId);
      if (of?.isStarted !== true) return;
      of.isStarted = false;
      of.lastAccessMs = now();
      startedStreams--;
      const isStored = streamOf(streamId) !== undefined;
      if (!isStored) figures.delete(streamId);
      emit({
        type: 'stream.ended',
        stream: streamId,
        reason: isStored ? reason : 'the stream was deleted',
        evidence,
        data: { bytes: of.bytesOfGone },
      });
    },
    clientConnected(client) {
      if (connected.has(client)) return;
      connected.add(client);
      stats.clientsTotal++;
      const { streamId } = client;
      counted(streamId).lastAccessMs = now();
      if (!wantsClients()) return;
      const data = { ...clientFacts(client), viewers: clientsOf(streamId) };
      emit({ type: 'viewer.joined', stream: streamId, evidence, data });
    },
    clientDisconnected(client) {
      if (!connected.delete(client)) return;
      const { streamId, bytes, segments } = client;
      const of = counted(streamId);
      of.bytesOfGone += bytes;
      of.segmentsOfGone += segments;
      of.lastAccessMs = now();
      stats.bytesOfGone += bytes;
      stats.segmentsOfGone += segments;
      if (!wantsClients()) return;
      const data = {
        ...clientFacts(client),
        viewers: clientsOf(streamId),
        bytes,
        segments,
        failovers: client.failovers,
      };
      emit({ type: 'viewer.left', stream: streamId, evidence, data });
    },
    failedOver({ client, from, to, card, trigger, reason, byteGapMs, pictureGapMs }: Failover) {
      const { streamId } = client;
      const of = counted(streamId);
      of.failovers++;
      of.lastFailover = { time: new Date(now()).toISOString(), from, to, trigger, reason, byteGapMs, pictureGapMs };
      history.note(streamId, {
        time: of.lastFailover.time,
        from,
        to,
        fromUrl: sourceText(streamId, from),
        toUrl: sourceText(streamId, to),
        trigger,
        reason,
        byteGapMs,
        pictureGapMs,
        client: client.id,
      });
      stats.failovers[trigger]++;
      if (card !== undefined) stats.cards[card]++;
      observeSeconds(stats.byteGap, byteGapMs / 1000);
      if (pictureGapMs !== undefined) observeSeconds(stats.pictureGap, Math.max(0, pictureGapMs) / 1000);
      record.failover(byteGapMs, 1, 0);
      const gaps = { byteGapMs, pictureGapMs };
      log.info(
        { stream: streamId, client: client.id, from, to, card, trigger, reason, ...gaps },
        to === 'card' ? 'a client is shown a card' : 'a client went over to another source',
      );
      emit({
        type: 'stream.failover',
        stream: streamId,
        reason,
        evidence,
        data: {
          client: client.id,
          from: sourceText(streamId, from),
          to: sourceText(streamId, to),
          fromIndex: from === 'card' ? undefined : from,
          toIndex: to === 'card' ? undefined : to,
          card,
          trigger,
          ...gaps,
          failovers: of.failovers,
          viewers: clientsOf(streamId),
        },
      });
    },
    clientFailed(client, { trigger, status, reason }) {
      const { streamId } = client;
      counted(streamId).errors++;
      stats.clientsFailed++;
      log.warn({ stream: streamId, client: client.id, trigger, status, reason }, 'no source could serve a client');
      emit({
        type: 'stream.failed',
        stream: streamId,
        reason,
        evidence,
        data: { client: client.id, trigger, status, backups: streamOf(streamId)?.failoverUrls.length ?? 0 },
      });
    },
    connected(streamId, source, elapsedMs, failure) {
      stats.connects[failure?.trigger ?? 'ok']++;
      observeSeconds(stats.connectTime, elapsedMs / 1000);
      record.provider_connect(elapsedMs, 1, failure === undefined ? 0 : 1);
      if (failure === undefined) return;
      counted(streamId).errors++;
      const { trigger, status, reason } = failure;
      log.info({ stream: streamId, source, trigger, status, reason }, 'a source cannot be used');
    },
  };
}
