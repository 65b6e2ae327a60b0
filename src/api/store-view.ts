import type { Making, Said } from './schemas';

/** What is kept, where: whether it keeps what is written, and whether this agent tells events, of those that share it. */
export interface StoreState {
  readonly store: {
    readonly isUp: boolean;
    readonly failure: string | undefined;
    readonly damage: string | undefined;
  };
  readonly lease: { readonly isHeld: boolean };
}

/** The store as the API shows it. */
export function storeView({ store, lease }: StoreState): Making<Said['Readiness']['store']> {
  return { up: store.isUp, failure: store.failure, damage: store.damage, leader: lease.isHeld };
}
