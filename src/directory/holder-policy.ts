import { streamPattern } from '../stream-pattern';

/** `newest`: the newest publisher has the stream. `spread`: every holder is a replica, sessions are spread over them. */
export type HolderPolicy = 'newest' | 'spread';

/** `match` is a glob over whole stream names: `*` within one part of the path, `**` across slashes. */
export interface HolderRule {
  readonly match: string;
  readonly policy: HolderPolicy;
}

/** The policy of the first rule that matches a stream's name; `newest` without one. */
export function createHolderPolicy(rules: readonly HolderRule[]): (stream: string) => HolderPolicy {
  const compiled = rules.map((rule) => ({ pattern: streamPattern(rule.match), policy: rule.policy }));
  if (compiled.length === 0) return () => 'newest';
  return (stream) => compiled.find(({ pattern }) => pattern.test(stream))?.policy ?? 'newest';
}
