import type { Bridge } from './haproxy';

export const profiles = ['pre-session', 'session'] as const;
export type Profile = (typeof profiles)[number];
export const bridges: readonly Bridge[] = ['spoe', 'lua'];

/** Every profile with every bridge, for `describe.each`. */
export const combinations: readonly { readonly profile: Profile; readonly bridge: Bridge }[] = profiles.flatMap(
  (profile) => bridges.map((bridge) => ({ profile, bridge })),
);
