import type { Logger } from '../log';
import type { CheckId, Finding } from './finding';
import { runStartUpCheck, type StartUpCheckOptions } from './run-check';

/** What others tell (HAProxy's own log, the page), or is no mistake in the first second. */
const toldElsewhere: readonly CheckId[] = [
  'runtime.answers',
  'agent.up',
  'server.up',
  'config.program',
  'config.chroot',
];

/**
 * The part of the preflight that fits a start, once, beside what starts: what it finds becomes log lines.
 *
 * @returns stops it; afterwards there is no connection and no further line.
 */
export function startUpCheck(options: Omit<StartUpCheckOptions, 'signal'>, log: Logger): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = runStartUpCheck({ ...options, signal }, (findings) => {
    if (!signal.aborted) for (const finding of findings) write(finding, log);
  }).catch((error: unknown) => {
    // A mistake of the check must not keep the agent from its work.
    log.error({ err: error }, 'the check at start-up failed');
  });
  return async () => {
    stopping.abort();
    await running;
  };
}

function write({ id, severity, what, why, place, change }: Finding, log: Logger): void {
  // That HAProxy asks and follows is worth a line; the rest is the usual.
  if (severity === 'ok' && id === 'canary') log.info({ check: id }, what);
  if (severity === 'ok' || toldElsewhere.includes(id)) return;
  const line = { check: id, file: place?.file, line: place?.line, change };
  if (severity === 'error') log.error(line, `${what} ${why ?? ''}`);
  else log.warn(line, `${what} ${why ?? ''}`);
}
