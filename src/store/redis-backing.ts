import { Redis } from 'ioredis';
import type { Logger } from '../log';
import { backOffMs, errorText } from '../wire';
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
const reconnect = { firstMs: 50, longestMs: 1000 };
const seekPrimaryEveryMs = 2000;
const pageSize = 1000;
/** A page ends with the text that reaches this. */
const pageBytes = 4 * 1024 * 1024;

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
    // Its timer outlives a connection that is closed already, and with it the process.
    disconnectTimeout: 250,
    // Who asks hears at once that it is away; nothing is sent twice behind his back.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => backOffMs(attempt, reconnect),
  });
  const { host } = new URL(url);
  const health = watch(redis, host, log);
  await connect(redis, health, host, signal);
  await checkDurability(redis, host, log);

  // One slot of a cluster: the scripts touch several keys.
  const keyOf = (kind: string, name: string): string => `${prefix}{mtxpilot}:${kind}:${name}`;
  const keysOf = (space: string): [string, string] => [keyOf('texts', space), keyOf('keys', space)];
  const asking = async <T>(command: () => Promise<T>, isWrite = false): Promise<T> => {
    try {
      if (!health.isKnown()) throw new Error('not connected');
      const answer = await command();
      if (isWrite) health.stored();
      else health.answered();
      return answer;
    } catch (error) {
      // An error that Redis itself reports is an answer too.
      if (!(error instanceof Error && error.name === 'ReplyError')) health.failed(error);
      else if (refusalIn(error) !== undefined) health.refused(error);
      throw explained(error, host);
    }
  };
  const run = (script: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> =>
    asking(() => redis.eval(script, keys.length, ...keys, ...args), writingScripts.has(script));
  const fenceKey = (lease: string | undefined): string => keyOf('lease', lease ?? '');

  return {
    isDurable: true,
    isShared: true,
    get failure() {
      return health.failure();
    },
    get: async (space, key) => (await asking(() => redis.hget(keysOf(space)[0], key))) ?? undefined,
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
        const args = [...ends, count, newestFirst ? 1 : 0, pageBytes];
        const [hasMore, ...flat] = (await run(rangeScript, keysOf(space), args)) as string[];
        for (let at = 0; at + 1 < flat.length; at += 2) found.push([flat[at] ?? '', flat[at + 1] ?? '']);
        if (hasMore !== 'more') break;
        const last = found.at(-1)?.[0];
        if (newestFirst) high = last;
        else low = last;
      }
      return found;
    },
    async trim(space, throughKey, fence) {
      for (;;) {
        const args = [fence?.token ?? '', `[${throughKey}`, pageSize];
        const answer = await run(trimScript, [...keysOf(space), fenceKey(fence?.lease)], args);
        if (answer === 'lost') throw leaseLost(fence?.lease ?? '');
        if (answer !== pageSize) return;
      }
    },
    count: (space) => asking(() => redis.zcard(keysOf(space)[1])),
    revision: async (space) => (await asking(() => redis.get(keyOf('revision', space)))) ?? '0',
    leases: {
      async acquire({ lease, token }, forMs) {
        return (await run(acquireScript, [fenceKey(lease), keyOf('probe', lease)], [token, forMs])) === 1;
      },
      async release({ lease, token }) {
        await run(releaseScript, [fenceKey(lease)], [token]);
      },
    },
    quotas: {
      async claim({ quota, holder, turn, used, wanted, most }, forMs) {
        const args = [holder, turn, used, wanted, most, forMs];
        const [granted = used, elsewhere = 0] = (await run(claimScript, [keyOf('quota', quota)], args)) as number[];
        return { granted, elsewhere };
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
async function connect(redis: Redis, health: Health, host: string, signal: AbortSignal | undefined): Promise<void> {
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
      await health.identified();
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

/** Whether Redis answers; logged when it goes and when it is back, once each. */
interface Health {
  /** Why it stores nothing; undefined while it does. */
  failure(): string | undefined;
  /** Whether what is connected now has shown that it is a Redis: nobody else is asked anything. */
  isKnown(): boolean;
  /** Resolves when it has; rejects when it has not, or is away. */
  identified(): Promise<void>;
  answered(): void;
  /** No answer came. */
  failed(error: unknown): void;
  /** A write was stored. */
  stored(): void;
  /** It answers, but stores nothing. */
  refused(error: Error): void;
  end(): void;
}

function watch(redis: Redis, host: string, log: Logger): Health {
  let isAway = false;
  let refusal: string | undefined;
  let isEnded = false;
  let isSeeking = false;
  let soughtAtMs = Number.NEGATIVE_INFINITY;
  /** After a failover the old primary is a replica, and the new one may be behind the address. */
  const seekPrimary = (): void => {
    if (isSeeking || isEnded || performance.now() - soughtAtMs < seekPrimaryEveryMs) return;
    isSeeking = true;
    soughtAtMs = performance.now();
    redis.disconnect(true);
  };
  const failed = (error?: unknown): void => {
    // It was hung up here.
    if (isSeeking) return;
    if (!isAway && !isEnded) {
      const reason = error === undefined ? undefined : errorText(error);
      log.warn({ redis: host, error: reason }, 'Redis is away; will be tried again');
    }
    isAway = true;
  };
  const answered = (): void => {
    if (isAway && !isEnded) log.info({ redis: host }, 'Redis answers again');
    isAway = false;
  };
  const guard = guardAnswers(redis, host, log);
  let identity: Promise<void> | undefined;
  const identify = async (): Promise<void> => {
    await guard.identify();
    answered();
  };
  // To the end: an error that nobody wants to hear ends the process.
  redis.on('error', (error) => {
    isSeeking = false;
    failed(error);
  });
  redis.on('close', failed);
  redis.on('ready', () => {
    isSeeking = false;
    identity = identify();
    identity.catch(failed);
  });
  return {
    failure: () => refusal ?? (isAway ? 'Redis does not answer' : isEnded ? 'it is closed' : undefined),
    isKnown: () => guard.isKnown(),
    identified: () => identity ?? Promise.reject(new Error('not connected')),
    answered() {
      guard.answered();
      answered();
    },
    stored() {
      guard.answered();
      answered();
      if (refusal !== undefined && !isEnded) log.info({ redis: host }, 'Redis takes writes again');
      refusal = undefined;
    },
    refused(error) {
      if (refusal === undefined && !isEnded)
        log.error({ redis: host, error: error.message }, 'Redis stores nothing that is written');
      refusal = refusalIn(error);
      if (refusal === refusals.READONLY) seekPrimary();
    },
    failed,
    end() {
      isEnded = true;
    },
  };
}

/** Far more than Redis says before it is known to be one. */
const longestGreetingBytes = 256 * 1024;
/** Far more than the largest answer that is asked for, a page. */
const longestAnswerBytes = 32 * 1024 * 1024;
/** The start of a list, set, map or push with so many items that only making room for them takes the memory: the client makes it before they come. */
const hugeList = /\r[^][*%~>|][^\r]{6}/;
/** Lists in lists, which take the client's stack. */
const deepList = /(?:\r[^][*%~>|][^\r]{0,5}){32}/;
const hugeListStartBytes = 9;

interface Guard {
  isKnown(): boolean;
  /** Asks what is connected now what it is. @throws Error when it is no Redis. */
  identify(): Promise<void>;
  /** A question was answered: what comes now belongs to others. */
  answered(): void;
}

/**
 * The client reads whoever listens at the address without end or bound. Here he is cut off when he talks unasked or too long, and nothing is asked of him before he has named a version
 * of Redis or Valkey.
 */
function guardAnswers(redis: Redis, host: string, log: Logger): Guard {
  let isLogged = false;
  let isKnown = false;
  let bytes = 0;
  let chunk: Buffer | undefined;
  const cutOff = (reason: string): void => {
    if (!isLogged) log.error({ redis: host, reason }, 'what answers there is not Redis');
    isLogged = true;
    isKnown = false;
    // The client would go on through the rest of it; an unknown sign ends that.
    chunk?.fill(0);
    redis.stream.destroy();
  };
  redis.on('connect', () => {
    const { stream } = redis;
    isKnown = false;
    bytes = 0;
    let tail = '\r\n';
    // Before the client's own.
    stream.prependListener('data', (data: Buffer) => {
      chunk = data;
      bytes += data.length;
      if (bytes > (isKnown ? longestAnswerBytes : longestGreetingBytes)) {
        cutOff('it sends without end');
        return;
      }
      if (isKnown) return;
      const text = tail + data.toString('latin1');
      tail = text.slice(-hugeListStartBytes);
      if (hugeList.test(text) || deepList.test(text)) cutOff('it announces an endless list');
    });
    stream.once('close', () => {
      isKnown = false;
      chunk = undefined;
    });
  });
  redis.on('error', (error: Error) => {
    // So the client reports an answer to nothing.
    if (error.message.startsWith('Command queue state error')) cutOff('it answers without a question');
  });
  return {
    isKnown: () => isKnown,
    async identify() {
      const { stream } = redis;
      const info = await redis.info('server').catch((error: unknown) => {
        // Who may not ask has heard so from a Redis.
        if (/^NOPERM/.test(errorText(error))) return 'redis_version:';
        throw error;
      });
      if (stream.destroyed || stream !== redis.stream) throw new Error('the connection was closed');
      if (!/^(redis|valkey)_version:/m.test(info)) {
        cutOff('it does not name its version');
        throw new Error('what answers there is not Redis');
      }
      isKnown = true;
      isLogged = false;
      bytes = 0;
    },
    answered() {
      bytes = 0;
    },
  };
}

/** What is in memory alone is forgotten by the next restart of Redis. */
async function checkDurability(redis: Redis, host: string, log: Logger): Promise<void> {
  try {
    const [, appendOnly] = await redis.config('GET', 'appendonly');
    if (appendOnly === 'no') {
      log.warn(
        { redis: host },
        'Redis has appendonly no: what was stored since its last snapshot is lost when it ends',
      );
    }
  } catch {
    // It may not be asked by everybody.
  }
}

function isRefusal(error: unknown): boolean {
  return error !== undefined && /^(WRONGPASS|NOAUTH|NOPERM)/.test(errorText(error));
}

function explained(error: unknown, host: string): Error {
  return new Error(`Redis at ${host}: ${errorText(error)}`, { cause: error });
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
local bytes = 0
local flat = {#keys == tonumber(ARGV[3]) and 'more' or 'end'}
for i, key in ipairs(keys) do
  local text = redis.call('HGET', KEYS[1], key) or ''
  flat[2 * i] = key
  flat[2 * i + 1] = text
  bytes = bytes + #text
  if bytes >= tonumber(ARGV[5]) and i < #keys then
    flat[1] = 'more'
    break
  end
end
return flat`;

const trimScript = `
if ARGV[1] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[1] then return 'lost' end
local keys = redis.call('ZRANGEBYLEX', KEYS[2], '-', ARGV[2], 'LIMIT', 0, ARGV[3])
for i, key in ipairs(keys) do
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
end
return #keys`;

// The first command writes nothing, because its key is never there, and is refused where nothing can be written.
const acquireScript = `
redis.call('SET', KEYS[2], '', 'XX')
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

const releaseScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

// A hash of `COUNT UNTIL TURN` by holder; UNTIL is the time of Redis in ms.
const claimScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local elsewhere = 0
local parts = redis.call('HGETALL', KEYS[1])
for i = 1, #parts, 2 do
  local count, till, turn = string.match(parts[i + 1], '^(%d+) (%d+) (%d+)$')
  if parts[i] == ARGV[1] then
    if tonumber(turn or 0) >= tonumber(ARGV[2]) then return redis.error_reply('ERR a later claim came first') end
  elseif tonumber(till or 0) > now then
    elsewhere = elsewhere + tonumber(count)
  else
    redis.call('HDEL', KEYS[1], parts[i])
  end
end
local granted = math.max(tonumber(ARGV[3]), math.min(tonumber(ARGV[4]), tonumber(ARGV[5]) - elsewhere))
if granted > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %d %d', granted, now + ARGV[6], ARGV[2]))
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return {granted, elsewhere}`;

const writingScripts: ReadonlySet<string> = new Set([writeScript, acquireScript]);
/** It answers, and nothing can be stored. */
const refusals = {
  OOM: 'Redis is full (OOM)',
  READONLY: 'this Redis is a replica, which takes no writes (READONLY)',
  MISCONF: 'Redis cannot save to its disk (MISCONF)',
  NOREPLICAS: 'Redis has too few replicas (NOREPLICAS)',
} as const;

/** A script's error names the one of its command. */
function refusalIn({ message }: Error): string | undefined {
  const [word] = /\b(OOM|READONLY|MISCONF|NOREPLICAS)\b/.exec(message) ?? [];
  return word === undefined ? undefined : refusals[word as keyof typeof refusals];
}
