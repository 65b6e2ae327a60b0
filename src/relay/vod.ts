import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Accounts } from './accounts';
import { withClientQuery } from './catch-up';
import type { RelayClient, RelayClients, RelayReports } from './client';
import { copyBody } from './copy-body';
import { createNamedSource, type NamedSource } from './named-source';
import { respondFull, respondNoSource } from './no-source';
import { respondRelayProblem } from './problems';
import type { Provider, SourceFailure, SourceRequest } from './provider';
import { failureOf } from './provider-answer';
import { type RelayStream, sourcesOf } from './stream';
import type { Resolve } from './stream-resolvers';
import type { SlotPolicy } from './take-slot';
import { clientOf, type Standing, type Viewer } from './viewer';
import { headOf, rangeOf, readContinuation, readFirst, type VodAnswer } from './vod-answer';
import { type OpenedVod, openVod, type VodSource, type VodSourceContext } from './vod-source';
import { createVodTransfer, type VodTransfer } from './vod-transfer';

export interface VodSettings extends SlotPolicy {
  /** A source that sends nothing for so long, while the client waits, is given up. */
  readonly stallTimeoutMs: number;
}

export interface VodOptions {
  readonly stream: RelayStream;
  readonly viewer: Viewer;
  /** Of the client's URL, as it came. */
  readonly clientQuery: string;
  /** Asks the stream's resolver. */
  readonly resolve: Resolve;
  readonly provider: Provider;
  readonly accounts: Accounts;
  readonly clients: RelayClients;
  readonly reports: RelayReports;
  readonly settings: VodSettings;
}

/** What is asked, and what is needed to answer it. */
interface Question {
  readonly res: ServerResponse;
  /** `Range` and `If-Range` as the client sent them. */
  readonly range: SourceRequest['range'];
  readonly context: VodSourceContext;
}

/** A client that reads. */
interface Reading extends Question {
  readonly client: RelayClient;
  readonly standing: Standing;
  readonly transfer: VodTransfer;
  readonly named: NamedSource;
  readonly reports: RelayReports;
  readonly stallTimeoutMs: number;
  /** Why it does not read the source that it read, or was to read first. */
  cause: { readonly from: number; readonly failure: SourceFailure } | undefined;
}

/**
 * Answers GET and HEAD for a file. Each request has a connection to a provider of its own, which is closed with the client's. What the client asks for (`Range`,
 * `If-Range`) and what the provider answers (200, 206, 416) is passed on as it is. Until the first byte has come every source is tried in order; if none has it,
 * the answer is a problem with the reasons. A body that breaks is continued at the very byte, once by the same source and by each other one, if that has the same
 * file for certain; otherwise the client's connection is destroyed, by which it knows that bytes are missing. Never rejects.
 */
export async function serveVod(req: IncomingMessage, res: ServerResponse, options: VodOptions): Promise<void> {
  const { stream, viewer, clientQuery, resolve, provider, accounts, clients, reports, settings } = options;
  if (res.destroyed) return;
  const left = new AbortController();
  res.once('close', () => left.abort());
  const disconnect = (): void => {
    left.abort();
    res.destroy();
  };
  const context: VodSourceContext = {
    stream,
    sources: sourcesOf(stream).map((url) => withClientQuery(url, clientQuery)),
    player: viewer.player,
    provider,
    accounts,
    reports,
    policy: settings,
    signal: left.signal,
    onTakenOver: disconnect,
  };
  const question: Question = { res, range: rangeAsked(req), context };
  if (req.method === 'HEAD') {
    // It reads nothing: no client.
    await answerHead(question);
    return;
  }
  const standing: Standing = { source: -1, bytes: 0, failovers: 0, lastAccessMs: performance.now() };
  const client = clientOf(viewer, stream.id, standing, { disconnect, failover: () => undefined });
  if (!clients.add(client)) {
    respondFull(res);
    return;
  }
  res.once('close', () => clients.remove(client));
  const transfer = createVodTransfer(context.sources.length);
  const { stallTimeoutMs } = settings;
  const named = createNamedSource(resolve, (url) => withClientQuery(url, clientQuery));
  await answerGet({ ...question, client, standing, transfer, named, reports, stallTimeoutMs, cause: undefined });
}

async function answerHead({ res, range, context }: Question): Promise<void> {
  const { sources, policy, signal } = context;
  const failures: SourceFailure[] = [];
  for (const index of sources.keys()) {
    const { source, failure } = await openVod(context, index, { method: 'HEAD', range }, (open) =>
      readFirst(open, index, range !== undefined),
    );
    source?.close();
    if (signal.aborted) return;
    if (source !== undefined) {
      if (source.answer.status === 416) respondUnsatisfied(res, source.answer);
      else res.writeHead(source.answer.status, [...headOf(source.answer)]).end();
      return;
    }
    failures.push(failure);
    if (isFinal(failure, policy)) break;
  }
  respondNoSource(res, failures);
}

async function answerGet(reading: Reading): Promise<void> {
  const { res, context, client, transfer, named, reports } = reading;
  const failures: SourceFailure[] = [];
  for (;;) {
    const index = transfer.next() ?? (await named.late(context.sources));
    if (index === undefined) break;
    const { source, failure: refused } = await openNext(reading, index);
    if (source?.answer.status === 416) {
      source.close();
      respondUnsatisfied(res, source.answer);
      return;
    }
    const failure = source === undefined ? refused : await copy(reading, source);
    source?.close();
    if (context.signal.aborted) return;
    if (failure === undefined) {
      res.end();
      return;
    }
    failures.push(failure);
    reading.cause ??= { from: index, failure };
    transfer.fail();
    // Of a body that has begun only the same file is of use.
    const next = transfer.continuation === undefined ? await named.soon(context.sources, index, failure) : undefined;
    if (next !== undefined) transfer.prefer(next);
    else if (isFinal(failure, context.policy)) break;
  }
  // It may have left while the resolver was waited for.
  if (res.destroyed) return;
  reports.clientFailed(client, reading.cause?.failure ?? failureOf('connect', 'The stream has no source.'));
  const { continuation } = transfer;
  if (continuation === undefined) respondNoSource(res, failures);
  // The end of the connection is the end of a body without length: only a reset tells that this one is not whole.
  else if (continuation.told.part.end === undefined) res.socket?.resetAndDestroy();
  else res.destroy();
}

/** Opens a source for what the client asked, or for what is left of it. */
function openNext({ range, context, transfer }: Reading, index: number): Promise<OpenedVod> {
  const { continuation } = transfer;
  if (continuation === undefined)
    return openVod(context, index, { method: 'GET', range }, (open) => readFirst(open, index, range !== undefined));
  return openVod(context, index, { method: 'GET', range: rangeOf(continuation, index) }, (open) =>
    readContinuation(open, index, continuation),
  );
}

/** Passes on what a source sends. @returns why that was not all; undefined when it was, or when the client has gone. */
async function copy(reading: Reading, { open, answer }: VodSource): Promise<SourceFailure | undefined> {
  const { res, context, standing, transfer, stallTimeoutMs } = reading;
  const { signal } = context;
  const end = await copyBody(open.body, res, {
    stallTimeoutMs,
    signal,
    take(chunk) {
      if (!transfer.isReading(answer)) goOver(reading, answer);
      if (!transfer.take(chunk.length)) return 'enough';
      standing.bytes += chunk.length;
      standing.lastAccessMs = performance.now();
      const isRead = res.write(chunk);
      if (transfer.isWhole) return 'enough';
      return isRead ? 'more' : 'full';
    },
  });
  if (signal.aborted || transfer.isWhole) return undefined;
  if (end === 'enough') return failureOf('type', 'The provider sent more than it had said.');
  if (end !== 'end') return end;
  if (!transfer.isReading(answer)) return failureOf('type', 'The provider sent an empty file.');
  return answer.part.end === undefined ? undefined : failureOf('reset', 'The file ended too early.');
}

/** The first byte of an answer has come: from now on the client reads this one. */
function goOver(reading: Reading, answer: VodAnswer): void {
  const { res, client, standing, transfer, reports, cause } = reading;
  if (transfer.continuation === undefined) res.writeHead(answer.status, [...headOf(answer)]);
  transfer.begin(answer);
  standing.source = answer.source;
  reading.cause = undefined;
  if (cause === undefined || cause.from === answer.source) return;
  standing.failovers++;
  reports.failedOver({
    client,
    from: cause.from,
    to: answer.source,
    trigger: cause.failure.trigger,
    reason: cause.failure.reason,
    byteGapMs: performance.now() - standing.lastAccessMs,
    pictureGapMs: undefined,
  });
}

function rangeAsked({ headers }: IncomingMessage): SourceRequest['range'] {
  const { range } = headers;
  const ifRange = headers['if-range'];
  return range === undefined ? undefined : { range, ifRange: typeof ifRange === 'string' ? ifRange : undefined };
}

function respondUnsatisfied(res: ServerResponse, { headers }: VodAnswer): void {
  const contentRange = headers['content-range'];
  const detail = 'None of the bytes that were asked for are in the file.';
  const told = contentRange === undefined ? [] : ['content-range', contentRange];
  respondRelayProblem(res, 'RangeNotSatisfiable', { detail }, told);
}

/** Whether no other source is to be tried. */
function isFinal({ trigger }: SourceFailure, { whenFull }: SlotPolicy): boolean {
  return trigger === 'account' && whenFull === 'refuse';
}
