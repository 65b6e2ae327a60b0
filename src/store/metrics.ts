import { type Collector, counter, gauge } from '../measure';
import type { Lease, Store } from './store';

interface Source {
  readonly store: Pick<Store, 'isUp'>;
  readonly lease: Pick<Lease, 'isHeld' | 'changes'>;
}

export const storeMetrics: Collector<Source> = {
  component: 'Store',
  metrics: {
    mtxpilot_store_up: gauge('1 while the store saves what is written, else 0; /readyz says why.', ({ store }) =>
      store.isUp ? 1 : 0,
    ),
    mtxpilot_leader: gauge(
      '1 if this agent is the leader, which announces and delivers events, else 0. An agent that shares its store with no other always is.',
      ({ lease }) => (lease.isHeld ? 1 : 0),
    ),
    mtxpilot_leader_changes_total: counter(
      'Times this agent became the leader or stopped being it.',
      ({ lease }) => lease.changes,
    ),
  },
};
