import { connect } from 'node:net';
import { createTimeHistogram, observeSeconds, type RecordTime, recordNothing, type TimeHistogram } from '../measure';
import { type CommandName, commandLine, commandName, commandNames, payloadText } from './command';
import { type Exchange, type ExchangeRequest, exchangeOnce, type LineSink } from './exchange';
import { failure, type RuntimeResult, success } from './result';

/** Where HAProxy's `stats socket` listens. */
export type RuntimeAddress = { readonly path: string } | { readonly host: string; readonly port: number };

export interface RuntimeClientOptions {
  readonly address: RuntimeAddress;
  /** Deadline of one command, from its connect to its last byte; waiting behind others is not counted. Default 1000. */
  readonly timeoutMs?: number;
  /** Of a reply that is held as a whole. Default 16 MiB: the states of some 100,000 servers. */
  readonly maxReplyBytes?: number;
  /** Of a reply that is read line by line. Default 512 MiB: a table of some four million entries. */
  readonly maxStreamedBytes?: number;
  /** Commands that may wait for their turn. Default 64. */
  readonly maxWaiting?: number;
  /** How a command travels. Default: a connection a command. */
  readonly exchange?: Exchange;
  /** Told of every command that had its turn; failed are those without a whole reply. */
  readonly recordCommand?: RecordTime | undefined;
}

export interface ExecuteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Deadline of this command instead of the client's (or of each command, where several are sent). */
  readonly timeoutMs?: number | undefined;
}

export interface PayloadOptions extends ExecuteOptions {
  /** Lines that follow the command after `<<`. The whole must fit HAProxy's `tune.bufsize`. */
  readonly payload?: readonly string[] | undefined;
}

/** What a client counted since it was made. */
export interface RuntimeClientStats {
  /** Commands that had their turn; what was refused here before is not among them. */
  commands: number;
  /** Of these, those without a whole reply. */
  failures: number;
  /** Commands that wait for their turn now. */
  waiting: number;
  readonly byCommand: Record<CommandName, number>;
  /** From connect to the last byte of the reply, failures included. */
  readonly time: TimeHistogram;
}

const bounds = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export function createRuntimeClientStats(): RuntimeClientStats {
  const byCommand = Object.fromEntries(commandNames.map((name) => [name, 0])) as Record<CommandName, number>;
  return { commands: 0, failures: 0, waiting: 0, byCommand, time: createTimeHistogram(bounds) };
}

/**
 * A client of one HAProxy. One command is under way at a time, in the order they were asked; a long dump holds up what comes behind it, so give it a
 * client of its own where that matters (HAProxy allows 10 connections at a time: `stats maxconn`).
 */
export interface RuntimeClient {
  /** The address as people write it: `/run/haproxy/admin.sock`, `127.0.0.1:9999`, `[::1]:9999`. */
  readonly name: string;
  /**
   * Runs one command after those that were asked before it, and gives the text of the reply, without the empty line that ends it.
   * Every failure is a value; see RuntimeErrorReason.
   */
  execute(words: readonly string[], options?: PayloadOptions): Promise<RuntimeResult<string>>;
  /**
   * The same, with each line of the reply given to `onLine` as it arrives. Lines that were given are worth something only when the result is `ok`:
   * a reply may be cut short.
   */
  executeLines(words: readonly string[], onLine: LineSink, options?: ExecuteOptions): Promise<RuntimeResult<undefined>>;
  readonly stats: RuntimeClientStats;
}

/** A client of one HAProxy's Runtime API. It opens a connection when there is a command, and holds nothing in between. */
export function createRuntimeClient(options: RuntimeClientOptions): RuntimeClient {
  const { address, timeoutMs = 1000, maxReplyBytes = 16 * 1024 * 1024, maxWaiting = 64 } = options;
  const { maxStreamedBytes = 512 * 1024 * 1024, recordCommand = recordNothing } = options;
  const name = nameOf(address);
  const exchange = options.exchange ?? exchangeOnce(name, () => connect(address));
  const stats = createRuntimeClientStats();
  let last: Promise<unknown> = Promise.resolve();

  const run = async (
    words: readonly string[],
    { signal, timeoutMs: ownTimeoutMs }: ExecuteOptions,
    more: Pick<ExchangeRequest, 'payload' | 'onLine'>,
  ): Promise<RuntimeResult<string>> => {
    const line = commandLine(words);
    if (!line.ok) return line;
    if (stats.waiting >= maxWaiting) return failure('busy', `${maxWaiting} commands wait for ${name} already`);
    const limits = {
      timeoutMs: ownTimeoutMs ?? timeoutMs,
      maxReplyBytes: more.onLine === undefined ? maxReplyBytes : maxStreamedBytes,
      signal,
    };
    stats.waiting += 1;
    const turn = last.then(async () => {
      stats.waiting -= 1;
      stats.commands += 1;
      stats.byCommand[commandName(words)] += 1;
      const startedMs = performance.now();
      const reply = await exchange({ line: line.value, ...more }, limits);
      const tookMs = performance.now() - startedMs;
      observeSeconds(stats.time, tookMs / 1000);
      recordCommand(tookMs, 1, reply.ok ? 0 : 1);
      return reply;
    });
    // Who asked hears of an exception; the next command is not stopped by it.
    last = turn.catch(() => undefined);
    const reply = await (signal === undefined ? turn : untilGivenUp(turn, signal, line.value));
    if (!reply.ok) stats.failures += 1;
    return reply;
  };

  return {
    name,
    async execute(words, { payload, ...common } = {}) {
      if (payload === undefined) return run(words, common, {});
      const text = payloadText(payload);
      return text.ok ? run(words, common, { payload: text.value }) : text;
    },
    async executeLines(words, onLine, common = {}) {
      const reply = await run(words, common, { onLine });
      return reply.ok ? success(undefined) : reply;
    },
    stats,
  };
}

/** Who gives up while others are still before him does not wait for his turn; nothing is sent when it comes. */
function untilGivenUp(
  turn: Promise<RuntimeResult<string>>,
  signal: AbortSignal,
  line: string,
): Promise<RuntimeResult<string>> {
  return new Promise((resolve, reject) => {
    const giveUp = () => resolve(failure('aborted', `"${line}" was given up`));
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    turn.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

function nameOf(address: RuntimeAddress): string {
  if ('path' in address) return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
