import pino from 'pino';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What every part of the program needs of a log; `isLevelEnabled` lets hot paths skip building a line that nobody reads. */
export type Logger = Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error' | 'isLevelEnabled'>;

/**
 * A JSON line logger on standard error (standard output belongs to commands that print results).
 * pino escapes control characters, so a hostile name cannot forge a line.
 */
export function createLogger(level: LogLevel): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }));
}

export interface BoundedLogOptions {
  /** Lines of one message in one period. Default 10. */
  readonly lines?: number;
  /** Default 10,000. */
  readonly periodMs?: number;
  /** A clock that never goes back, in milliseconds. Default: `performance.now`. */
  readonly nowMs?: () => number;
}

interface Message {
  sinceMs: number;
  written: number;
  untold: number;
}

type Write = (first: unknown, ...rest: unknown[]) => void;

/** Messages are texts of this program, and few; one that is put together from what came in must not fill the memory. */
const maxMessages = 200;

/**
 * The same log for what anybody outside can cause again and again (a bad connection, a request that fails): of each message at most `lines`
 * lines in each period. The first line after some were left out says how many, in `untold`. Lines at debug are all written: who asked for
 * them wants them.
 */
export function boundedLog(log: Logger, options: BoundedLogOptions = {}): Logger {
  const { lines = 10, periodMs = 10_000, nowMs = () => performance.now() } = options;
  const messages = new Map<string, Message>();

  /** What was left out before this line; undefined when this one is left out too. */
  function admit(text: string): number | undefined {
    const now = nowMs();
    let message = messages.get(text);
    if (message === undefined) {
      const [oldest] = messages.keys();
      if (oldest !== undefined && messages.size >= maxMessages) messages.delete(oldest);
      message = { sinceMs: now, written: 0, untold: 0 };
      messages.set(text, message);
    } else if (now - message.sinceMs >= periodMs) {
      message.sinceMs = now;
      message.written = 0;
    }
    if (message.written >= lines) {
      message.untold++;
      return undefined;
    }
    message.written++;
    const { untold } = message;
    message.untold = 0;
    return untold;
  }

  function bounded(level: 'info' | 'warn' | 'error'): Write {
    return (first, ...rest) => {
      const text = typeof first === 'string' ? first : String(rest[0]);
      const untold = admit(text);
      if (untold === undefined) return;
      if (untold === 0) log[level](first, ...(rest as []));
      else if (typeof first === 'string') log[level]({ untold }, first, ...rest);
      else log[level]({ ...(first instanceof Error ? { err: first } : (first as object)), untold }, ...(rest as []));
    };
  }

  return {
    debug: log.debug.bind(log),
    info: bounded('info'),
    warn: bounded('warn'),
    error: bounded('error'),
    isLevelEnabled: log.isLevelEnabled.bind(log),
  };
}
