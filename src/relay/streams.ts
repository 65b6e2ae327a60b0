import * as z from 'zod/mini';
import type { Logger } from '../log';
import { followCollection, readAs, type Store, storedTime } from '../store';
import { errorText } from '../wire';
import { hlsModes, type RelayStream } from './stream';

/** A stream as somebody wants it; its id follows from the URL. */
export type StreamDraft = Omit<RelayStream, 'id' | 'createdAt'>;

export type PutResult =
  | { readonly ok: true; readonly stream: RelayStream; readonly isNew: boolean }
  | { readonly ok: false; readonly problem: 'full' | 'not-stored'; readonly detail: string };

export type RemoveResult =
  | { readonly ok: true; readonly removed: readonly RelayStream[] }
  | { readonly ok: false; readonly detail: string };

export interface StreamsOptions {
  readonly store: Store;
  /** 32 hexadecimal digits. */
  readonly idOf: (url: string) => string;
  readonly maxStreams: number;
  readonly log: Logger;
  /** How often a shared store is looked at for what other relays wrote; 1,000 when left out. */
  readonly lookEveryMs?: number;
  /** Unix time in ms. */
  readonly now?: () => number;
}

/** The streams of the relay: in memory, and stored before anybody is told so. */
export interface RelayStreams {
  readonly count: number;
  get(id: string): RelayStream | undefined;
  ofUrl(url: string): RelayStream | undefined;
  /** In the order in which they were made; those of one millisecond in any order. */
  all(): Iterable<RelayStream>;
  /** Stores a stream. One of the same URL keeps its id and age; and the type that its source was found to be; all else becomes what is wanted now, for clients that come and for those that are there. Never rejects. */
  put(draft: StreamDraft): Promise<PutResult>;
  /** A stream is of another type than its URL says, from now on. @returns whether that is stored. Never rejects. */
  retype(id: string, type: RelayStream['type']): Promise<boolean>;
  /** Removes streams, all or none; ids that are unknown are left out. Never rejects. */
  remove(ids: readonly string[]): Promise<RemoveResult>;
  stop(): Promise<void>;
}

const texts = z.readonly(z.record(z.string(), z.string()));
const storedStream = z.object({
  id: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  url: z.string(),
  failoverUrls: z.readonly(z.array(z.string())),
  resolverUrl: z.optional(z.string()),
  userAgent: z.string(),
  headers: texts,
  metadata: texts,
  type: z.enum(['live', 'vod', 'hls']),
  // Streams of before it was there have none.
  hls: z._default(z.enum(hlsModes), 'channel'),
  maxBandwidth: z.optional(z.number()),
  createdAt: storedTime,
});
const readStored = readAs(storedStream);

function readStream(stored: unknown): RelayStream | undefined {
  const read = readStored(stored);
  return read === undefined ? undefined : { ...read, resolverUrl: read.resolverUrl };
}

/**
 * Opens the registry of streams.
 * @throws Error when the store cannot be read.
 */
export async function openStreams(options: StreamsOptions): Promise<RelayStreams> {
  const { store, idOf, maxStreams, log, lookEveryMs = 1000, now = Date.now } = options;
  const kept = store.collection('relay-streams', readStream);
  let streams = new Map<string, RelayStream>();
  async function put(draft: StreamDraft): Promise<PutResult> {
    const id = idOf(draft.url);
    const before = streams.get(id);
    if (before === undefined && streams.size >= maxStreams) {
      const detail = `${maxStreams} streams are stored, which is all that relay.maxStreams allows`;
      return { ok: false, problem: 'full', detail };
    }
    const stream: RelayStream = {
      ...draft,
      id,
      // The URL is the same: where its type is another one, its source has told it.
      type: before?.type ?? draft.type,
      createdAt: before?.createdAt ?? new Date(now()).toISOString(),
    };
    try {
      await kept.set(id, stream);
    } catch (error) {
      return { ok: false, problem: 'not-stored', detail: `the store fails: ${errorText(error)}` };
    }
    streams.set(id, stream);
    return { ok: true, stream, isNew: before === undefined };
  }

  async function retype(id: string, type: RelayStream['type']): Promise<boolean> {
    const stream = streams.get(id);
    if (stream === undefined || stream.type === type) return stream !== undefined;
    const changed = { ...stream, type };
    try {
      await kept.set(id, changed);
    } catch (error) {
      log.warn({ stream: id, error: errorText(error) }, 'the type of a stream cannot be stored');
      return false;
    }
    streams.set(id, changed);
    return true;
  }

  async function remove(ids: readonly string[]): Promise<RemoveResult> {
    const removed = ids.flatMap((id) => streams.get(id) ?? []);
    if (removed.length === 0) return { ok: true, removed };
    try {
      await kept.write(removed.map(({ id }) => [id, undefined]));
    } catch (error) {
      return { ok: false, detail: `the store fails: ${errorText(error)}` };
    }
    for (const { id } of removed) streams.delete(id);
    return { ok: true, removed };
  }

  const followed = await followCollection({
    collection: kept,
    take(entries) {
      const byAge = entries.map(([, stream]) => stream).sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
      streams = new Map(byAge.map((stream) => [stream.id, stream]));
    },
    lookEveryMs: store.isShared ? lookEveryMs : undefined,
    onFailure: (error) =>
      log.warn({ error: errorText(error) }, 'the streams of other relays cannot be read; will be tried again'),
  });

  return {
    get count() {
      return streams.size;
    },
    get: (id) => streams.get(id),
    ofUrl: (url) => streams.get(idOf(url)),
    all: () => streams.values(),
    put: (draft) => followed.inTurn(() => put(draft)),
    retype: (id, type) => followed.inTurn(() => retype(id, type)),
    remove: (ids) => followed.inTurn(() => remove(ids)),
    stop: () => followed.stop(),
  };
}
