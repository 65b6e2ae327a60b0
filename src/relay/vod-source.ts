import type { Accounts, Slot } from './accounts';
import type { RelayReports } from './client';
import type { Opened, OpenSource, Provider, SourceFailure, SourceRequest } from './provider';
import { failureOf } from './provider-answer';
import { providerHeaders, type RelayStream } from './stream';
import { type SlotPolicy, takeSlot } from './take-slot';
import type { ReadAnswer, VodAnswer } from './vod-answer';

/** What opening a source takes, the same for all sources of one answer. */
export interface VodSourceContext {
  readonly stream: RelayStream;
  /** URLs in the order in which they are tried; what a resolver names comes behind them. */
  readonly sources: string[];
  /** The same for all connections of one player: a new one takes over the slot of its old one. */
  readonly player: string;
  readonly provider: Provider;
  readonly accounts: Accounts;
  readonly reports: Pick<RelayReports, 'connected'>;
  readonly policy: SlotPolicy;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  /** The player reads something else: ends its connection. */
  readonly onTakenOver: () => void;
}

/** A source that is open for one client. */
export interface VodSource {
  readonly open: OpenSource;
  readonly answer: VodAnswer;
  /** Closes the connection and gives its slot back. Idempotent. */
  close(): void;
}

export type OpenedVod =
  | { readonly source: VodSource; readonly failure?: undefined }
  | { readonly failure: SourceFailure; readonly source?: undefined };

/** Opens a source and reads the head of its answer. Never rejects; when the client has gone nothing is open, whatever the result says. */
export async function openVod(
  context: VodSourceContext,
  index: number,
  asked: Pick<SourceRequest, 'method' | 'range'>,
  read: (open: OpenSource) => ReadAnswer,
): Promise<OpenedVod> {
  const { stream, sources, player, provider, accounts, reports, policy, signal, onTakenOver } = context;
  const url = sources[index] ?? '';
  const closing = new AbortController();
  const held: { slot?: Slot | undefined; open?: OpenSource } = {};
  let startMs = 0;

  function close(): void {
    signal.removeEventListener('abort', close);
    closing.abort();
    held.open?.close();
    held.slot?.release();
  }
  function handOver(): void {
    close();
    onTakenOver();
  }

  function report(failure: SourceFailure | undefined): void {
    if (!closing.signal.aborted) reports.connected(stream.id, index, performance.now() - startMs, failure);
  }
  function give(failure: SourceFailure): OpenedVod {
    report(failure);
    close();
    return { failure };
  }

  signal.addEventListener('abort', close);
  held.slot = await takeSlot(accounts, { url, client: player, onTakenOver: handOver }, policy, signal);
  if (held.slot === undefined || signal.aborted) {
    close();
    return { failure: noSlot };
  }
  const headers = providerHeaders(stream);
  startMs = performance.now();
  const opened = await ask(provider, { ...asked, url, headers, signal: closing.signal });
  if (opened.source === undefined) return give(opened.failure);
  const open = opened.source;
  held.open = open;
  const { answer, failure } = read(open);
  if (failure !== undefined) return give(failure);
  report(undefined);
  return { source: { open, answer, close } };
}

/** Some providers know only GET: its head says the same. */
async function ask(provider: Provider, request: SourceRequest): Promise<Opened> {
  const opened = await provider.open(request);
  const { failure } = opened;
  const isUnknown = failure?.trigger === 'status' && (failure.status === 405 || failure.status === 501);
  return request.method === 'HEAD' && isUnknown && !request.signal.aborted
    ? provider.open({ ...request, method: 'GET' })
    : opened;
}

const noSlot = failureOf('account', 'No connection to its account is free.');
