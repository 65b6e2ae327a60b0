import type { Place } from './parse-config';
import { reasons } from './reasons';

/** What is looked at; each name stands for one question. */
export type CheckId = keyof typeof reasons;

/**
 * - `error`: viewers fail, or the agent has no say.
 * - `warning`: it works until something else goes wrong, or less well than it could.
 * - `ok`: looked at, and right.
 */
export type Severity = 'error' | 'warning' | 'ok';

/** One answer of the preflight. */
export interface Finding {
  readonly id: CheckId;
  readonly severity: Severity;
  /** What was found, in one sentence. */
  readonly what: string;
  /** Why it matters; undefined when it is right. */
  readonly why: string | undefined;
  /** The line to change, or the section to add a line to; undefined where no file is to blame. */
  readonly place: Place | undefined;
  /** What to do there; undefined when it is right. */
  readonly change: string | undefined;
}

/** What was found right. */
export function right(id: CheckId, what: string): Finding {
  return { id, severity: 'ok', what, why: undefined, place: undefined, change: undefined };
}

/** What was found wrong: in one sentence, where, and what to change there. */
export function wrong(
  severity: 'error' | 'warning',
  id: CheckId,
  what: string,
  place: Place | undefined,
  change: string,
): Finding {
  const { file, line } = place ?? {};
  // What HAProxy or the system says, quoted at the end, may end with a mark of its own.
  const sentence = what.replace(/([.?!])\.$/, '$1');
  const at = file === undefined || line === undefined ? undefined : { file, line };
  return { id, severity, what: sentence, why: reasons[id], place: at, change };
}

/** At most five names; of more it says how many. */
export function listNames(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
}

/** Numbers of errors and warnings. */
export function countFindings(findings: readonly Finding[]): { readonly errors: number; readonly warnings: number } {
  const count = (wanted: Severity): number => findings.filter(({ severity }) => severity === wanted).length;
  return { errors: count('error'), warnings: count('warning') };
}
