import type { Bridge } from './haproxy';

export const profiles = ['pre-session', 'session'] as const;
export type Profile = (typeof profiles)[number];
export const bridges: readonly Bridge[] = ['spoe', 'lua'];

/**
 * Every profile with every bridge, for `describe.each`; two pairs with all of both where one run goes over several versions of HAProxy: the full cross
 * is for the installed one.
 */
export const combinations: readonly { readonly profile: Profile; readonly bridge: Bridge }[] = profiles.flatMap(
  (profile, i) =>
    bridges
      .filter((_, j) => process.env['MATRIX_PAIRS'] !== 'diagonal' || i === j)
      .map((bridge) => ({ profile, bridge })),
);
