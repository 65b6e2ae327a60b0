import { connect } from 'node:net';
import { commandLine } from './command-line';
import { type Exchange, exchangeOnce } from './exchange';
import { failure, type RuntimeResult } from './result';

/** Where HAProxy's `stats socket` listens. */
export type RuntimeAddress = { readonly path: string } | { readonly host: string; readonly port: number };

export interface RuntimeClientOptions {
  readonly address: RuntimeAddress;
  /** Deadline of one command, from its connect to its last byte; waiting behind others is not counted. Default 1000. */
  readonly timeoutMs?: number;
  /** Default 16 MiB: the states of some 100,000 servers. */
  readonly maxReplyBytes?: number;
  /** Commands that may wait for their turn. Default 64. */
  readonly maxWaiting?: number;
  /** How a line travels. Default: a connection a command. */
  readonly exchange?: Exchange;
}

export interface ExecuteOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface RuntimeClient {
  /** The address as people write it: `/run/haproxy/admin.sock`, `127.0.0.1:9999`, `[::1]:9999`. */
  readonly name: string;
  /**
   * Runs one command after those that were asked before it, and gives the text of the reply, without the empty line that ends it.
   * Every failure is a value; see RuntimeErrorReason.
   */
  execute(words: readonly string[], options?: ExecuteOptions): Promise<RuntimeResult<string>>;
  readonly stats: { commands: number; failures: number; waiting: number };
}

/** A client of one HAProxy's Runtime API. It opens a connection when there is a command, and holds nothing in between. */
export function createRuntimeClient(options: RuntimeClientOptions): RuntimeClient {
  const { address, timeoutMs = 1000, maxReplyBytes = 16 * 1024 * 1024, maxWaiting = 64 } = options;
  const name = nameOf(address);
  const exchange = options.exchange ?? exchangeOnce(name, () => connect(address));
  const stats = { commands: 0, failures: 0, waiting: 0 };
  let last: Promise<unknown> = Promise.resolve();

  const execute: RuntimeClient['execute'] = async (words, { signal } = {}) => {
    const line = commandLine(words);
    if (!line.ok) return line;
    if (stats.waiting >= maxWaiting) return failure('busy', `${maxWaiting} commands wait for ${name} already`);
    stats.waiting += 1;
    const turn = last.then(() => {
      stats.waiting -= 1;
      stats.commands += 1;
      return exchange(line.value, { timeoutMs, maxReplyBytes, signal });
    });
    // Who asked hears of an exception; the next command is not stopped by it.
    last = turn.catch(() => undefined);
    const reply = await turn;
    if (!reply.ok) stats.failures += 1;
    return reply;
  };
  return { name, execute, stats };
}

function nameOf(address: RuntimeAddress): string {
  if ('path' in address) return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
