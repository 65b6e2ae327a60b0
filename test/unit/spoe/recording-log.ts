import type { Logger } from '../../../src/log';

/** A log that keeps `level message` of each line. */
export function createRecordingLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const at =
    (level: string) =>
    (...parts: unknown[]): void => {
      lines.push(`${level} ${String(parts.find((part) => typeof part === 'string'))}`);
    };
  const log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    isLevelEnabled: () => true,
  };
  return { log, lines };
}
