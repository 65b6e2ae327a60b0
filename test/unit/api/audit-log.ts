import type { Logger } from '../../../src/log';

/** A log that keeps the lines of the audit, with everything in them. */
export interface AuditLog {
  readonly log: Logger;
  lines: Record<string, unknown>[];
}

export function createAuditLog(): AuditLog {
  const note = (line: unknown): void => void audit.lines.push(line as Record<string, unknown>);
  const audit: AuditLog = {
    log: {
      debug: () => undefined,
      info: note,
      warn: note,
      error: () => undefined,
      isLevelEnabled: () => false,
    },
    lines: [],
  };
  return audit;
}
