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
