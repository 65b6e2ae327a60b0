import { type Collector, counter, gauge, histogram, samplesOf } from '../measure';
import type { DecisionStats } from './decision-stats';

/** A way over which HAProxy asks, with what it counts. */
export interface Bridge {
  readonly name: string;
  readonly decisions: DecisionStats;
  /** Questions that wait for a lookup now. */
  readonly waiting: () => number;
}

export const decisionMetrics: Collector<readonly Bridge[]> = {
  component: 'Decisions',
  metrics: {
    mtxpilot_decisions_total: counter(
      'Decisions given to HAProxy. state=located: a server has the stream; placed: no server has it, and this is where it should start; unknown: not enough evidence.',
      ['bridge', 'state'],
      (bridges) => bridges.flatMap(({ name, decisions }) => samplesOf(decisions.byState, name)),
    ),
    mtxpilot_decisions_waiting: gauge(
      'Questions (SPOE frames or HTTP requests) waiting for a lookup.',
      ['bridge'],
      (bridges) => bridges.map(({ name, waiting }) => [name, waiting()]),
    ),
    mtxpilot_decision_duration_seconds: histogram(
      'Time from receiving a question to answering it, including any wait for a lookup.',
      ['bridge'],
      (bridges) => bridges.map(({ name, decisions }) => [name, decisions.time]),
    ),
  },
};
