import { streamPattern } from '../mediamtx';

/**
 * What several holders of a stream mean.
 * - `auto`: one publisher and copies that other servers pull are replicas, sessions are spread; of two publishers the newest has the stream.
 * - `newest`: whoever came last has the stream, be it a publisher or a copy.
 * - `spread`: every holder is a replica, sessions are spread over them.
 */
export const holderPolicies = ['auto', 'newest', 'spread'] as const;
export type HolderPolicy = (typeof holderPolicies)[number];

/** `match` is a glob over whole stream names: `*` within one part of the path, `**` across slashes. */
export interface HolderRule {
  readonly match: string;
  readonly policy: HolderPolicy;
}

/** The policy of the first rule that matches a stream's name; `auto` without one. */
export function createHolderPolicy(rules: readonly HolderRule[]): (stream: string) => HolderPolicy {
  const compiled = rules.map((rule) => ({ fits: streamPattern(rule.match), policy: rule.policy }));
  if (compiled.length === 0) return () => 'auto';
  return (stream) => compiled.find(({ fits }) => fits(stream))?.policy ?? 'auto';
}
