import { Redis } from 'ioredis';
import type { Logger } from '../log';
import type { Backing } from './backing';
import { leaseLost } from './lease-lost';

/** A Redis or Valkey (7.0 and newer), one primary; failover by whatever is behind the address. */
export interface RedisAddress {
  /** `redis://host:port/db`, or `rediss://` for TLS; without credentials. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Before every key: agents with the same prefix share a fleet. */
  readonly prefix: string;
}

const commandTimeoutMs = 2000;
const openWithinMs = 10_000;
const longestReconnectMs = 1000;
const pageSize = 1000;

/**
 * Each space is a hash of the texts and a sorted set of the keys (all scores 0, so in the order of bytes); every change of both is one script.
 *
 * @throws Error naming the address, when it refuses, or cannot be reached within ten seconds or before the signal.
 */
export async function openRedisBacking(
  { url, username, password, prefix }: RedisAddress,
  log: Logger,
  signal?: AbortSignal,
): Promise<Backing> {
  const redis = new Redis(url, {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    connectionName: 'mtxpilot',
    lazyConnect: true,
    connectTimeout: commandTimeoutMs,
    commandTimeout: commandTimeoutMs,
    // Who asks hears at once that it is away; nothing is sent twice behind his back.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 50, longestReconnectMs),
    // After a failover the old primary is read-only.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  const { host } = new URL(url);
  const health = watch(redis, host, log);
  await connect(redis, host, signal);
  await checkDurability(redis, host, log);

  // One slot of a cluster: the scripts touch several keys.
  const keyOf = (kind: string, name: string): string => `${prefix}{mtxpilot}:${kind}:${name}`;
  const keysOf = (space: string): [string, string] => [keyOf('texts', space), keyOf('keys', space)];
  const asking = async <T>(command: Promise<T>): Promise<T> => {
    try {
      const answer = await command;
      health.answered();
      return answer;
    } catch (error) {
      // An error that Redis itself tells is an answer too.
      if (!(error instanceof Error && error.name === 'ReplyError')) health.failed(error);
      throw explained(error, host);
    }
  };
  const run = (script: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> =>
    asking(redis.eval(script, keys.length, ...keys, ...args));
  const fenceKey = (lease: string | undefined): string => keyOf('lease', lease ?? '');

  return {
    isDurable: true,
    isShared: true,
    get isUp() {
      return health.isUp();
    },
    get: async (space, key) => (await asking(redis.hget(keysOf(space)[0], key))) ?? undefined,
    async write(space, changes, { isAbove = false, fence } = {}) {
      const triples = changes.flatMap(([key, text]) => (text === undefined ? ['-', key, ''] : ['+', key, text]));
      const args = [fence?.token ?? '', isAbove ? 1 : 0, ...triples];
      const keys = [...keysOf(space), fenceKey(fence?.lease), keyOf('revision', space)];
      const answer = await run(writeScript, keys, args);
      if (answer === 'lost') throw leaseLost(fence?.lease ?? '');
      const newest = Array.isArray(answer) ? (answer as unknown[])[0] : undefined;
      return typeof newest === 'string' ? newest : undefined;
    },
    async range(space, { after, before, limit = Number.POSITIVE_INFINITY, newestFirst = false }) {
      const found: (readonly [string, string])[] = [];
      let [low, high] = [after, before];
      while (found.length < limit) {
        const count = Math.min(pageSize, limit - found.length);
        const ends = [low === undefined ? '-' : `(${low}`, high === undefined ? '+' : `(${high}`];
        const flat = (await run(rangeScript, keysOf(space), [...ends, count, newestFirst ? 1 : 0])) as string[];
        for (let at = 0; at + 1 < flat.length; at += 2) found.push([flat[at] ?? '', flat[at + 1] ?? '']);
        if (flat.length < 2 * count) break;
        const last = found.at(-1)?.[0];
        if (newestFirst) high = last;
        else low = last;
      }
      return found;
    },
    async cut(space, throughKey, fence) {
      for (;;) {
        const args = [fence?.token ?? '', `[${throughKey}`, pageSize];
        const answer = await run(cutScript, [...keysOf(space), fenceKey(fence?.lease)], args);
        if (answer === 'lost') throw leaseLost(fence?.lease ?? '');
        if (answer !== pageSize) return;
      }
    },
    count: (space) => asking(redis.zcard(keysOf(space)[1])),
    revision: async (space) => (await asking(redis.get(keyOf('revision', space)))) ?? '0',
    leases: {
      acquire: async ({ lease, token }, forMs) => (await run(acquireScript, [fenceKey(lease)], [token, forMs])) === 1,
      async release({ lease, token }) {
        await run(releaseScript, [fenceKey(lease)], [token]);
      },
    },
    async close() {
      health.end();
      try {
        await redis.quit();
      } catch {
        // It is away: there is nothing to finish.
        redis.disconnect();
      }
    },
  };
}

/** Connects, with as many tries as fit. */
async function connect(redis: Redis, host: string, signal: AbortSignal | undefined): Promise<void> {
  const giveUpAtMs = performance.now() + openWithinMs;
  let last: unknown;
  // It says why; what waits for it hears only that it is not there.
  const note = (error: unknown): void => {
    last = error;
  };
  redis.on('error', note);
  // Who is refused is refused again.
  while (performance.now() < giveUpAtMs && !isRefusal(last) && signal?.aborted !== true) {
    try {
      // Afterwards it connects again by itself.
      if (redis.status === 'wait' || redis.status === 'end') await redis.connect();
      await redis.ping();
      redis.off('error', note);
      return;
    } catch (error) {
      last ??= error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  redis.disconnect();
  throw explained(last, host);
}

/** Whether Redis answers; the log tells when it goes and when it is back, once each. */
interface Health {
  isUp(): boolean;
  answered(): void;
  /** No answer came. */
  failed(error: unknown): void;
  end(): void;
}

function watch(redis: Redis, host: string, log: Logger): Health {
  let isAway = false;
  let isEnded = false;
  const failed = (error?: unknown): void => {
    if (!isAway && !isEnded) {
      const reason = error === undefined ? undefined : reasonOf(error);
      log.warn({ redis: host, error: reason }, 'Redis is away; it is tried again');
    }
    isAway = true;
  };
  const answered = (): void => {
    if (isAway && !isEnded) log.info({ redis: host }, 'Redis answers again');
    isAway = false;
  };
  // To the end: an error that nobody wants to hear ends the process.
  redis.on('error', failed);
  redis.on('close', failed);
  redis.on('ready', answered);
  return {
    isUp: () => !isAway && !isEnded,
    answered,
    failed,
    end() {
      isEnded = true;
    },
  };
}

/** What is kept in memory alone is forgotten by the next restart of Redis. */
async function checkDurability(redis: Redis, host: string, log: Logger): Promise<void> {
  try {
    const [, appendOnly] = await redis.config('GET', 'appendonly');
    if (appendOnly === 'no') {
      log.warn({ redis: host }, 'Redis has appendonly no: what was kept since its last snapshot is lost when it ends');
    }
  } catch {
    // It may not be asked by everybody.
  }
}

function isRefusal(error: unknown): boolean {
  return error !== undefined && /^(WRONGPASS|NOAUTH|NOPERM)/.test(reasonOf(error));
}

function explained(error: unknown, host: string): Error {
  return new Error(`Redis at ${host}: ${reasonOf(error)}`, { cause: error });
}

function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  return message === undefined || message === '' ? (code ?? String(error)) : message;
}

const writeScript = `
if ARGV[1] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[1] then return 'lost' end
if ARGV[2] == '1' and redis.call('ZLEXCOUNT', KEYS[2], '[' .. ARGV[4], '+') > 0 and redis.call('HGET', KEYS[1], ARGV[4]) ~= ARGV[5] then
  return redis.call('ZRANGE', KEYS[2], -1, -1)
end
for i = 3, #ARGV, 3 do
  if ARGV[i] == '+' then
    redis.call('HSET', KEYS[1], ARGV[i + 1], ARGV[i + 2])
    redis.call('ZADD', KEYS[2], 0, ARGV[i + 1])
  else
    redis.call('HDEL', KEYS[1], ARGV[i + 1])
    redis.call('ZREM', KEYS[2], ARGV[i + 1])
  end
end
redis.call('INCR', KEYS[4])
return 'ok'`;

const rangeScript = `
local keys
if ARGV[4] == '1' then
  keys = redis.call('ZREVRANGEBYLEX', KEYS[2], ARGV[2], ARGV[1], 'LIMIT', 0, ARGV[3])
else
  keys = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
end
local flat = {}
for i, key in ipairs(keys) do
  flat[2 * i - 1] = key
  flat[2 * i] = redis.call('HGET', KEYS[1], key) or ''
end
return flat`;

const cutScript = `
if ARGV[1] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[1] then return 'lost' end
local keys = redis.call('ZRANGEBYLEX', KEYS[2], '-', ARGV[2], 'LIMIT', 0, ARGV[3])
for i, key in ipairs(keys) do
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
end
return #keys`;

const acquireScript = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

const releaseScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;
