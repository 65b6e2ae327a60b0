import { createTimeHistogram, observeSeconds, type TimeHistogram } from '../measure';
import { type DecisionState, decisionStates } from './decision';

/**
 * Upper bounds in seconds for the time that a decision takes: from an answer out of memory (microseconds)
 * to a lookup that used its whole deadline (80 ms by default) and beyond.
 */
const decisionSecondsBounds = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.08, 0.1, 0.25, 1,
] as const;

/** What a bridge counts about the decisions that it passed on. */
export interface DecisionStats {
  readonly byState: Record<DecisionState, number>;
  /** From the question's arrival to its answer, waiting for a lookup included. */
  readonly time: TimeHistogram;
}

/** Makes the counters of one bridge. */
export function createDecisionStats(): DecisionStats {
  const byState = Object.fromEntries(decisionStates.map((state) => [state, 0])) as Record<DecisionState, number>;
  return { byState, time: createTimeHistogram(decisionSecondsBounds) };
}

/** Counts one decision and the time that it took. */
export function countDecision(stats: DecisionStats, state: DecisionState, seconds: number): void {
  stats.byState[state]++;
  observeSeconds(stats.time, seconds);
}
