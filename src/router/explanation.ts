import type { ServerEvidence, ServerKind } from '../directory';
import type { DecisionState } from './decision';

/** The rules by which a decision can come about, in the order in which they are tried. */
export const ruleNames = [
  'moved-by-operator',
  'only-holder',
  'newest-publisher',
  'spread-by-session',
  'relay-of-account',
  'filler',
  'placed-on-demand',
  'placed-unsure',
  'placed-as-configured',
  'placed-by-hash',
  'no-server',
  'no-evidence',
  'invalid-name',
  'canary',
] as const;
export type RuleName = (typeof ruleNames)[number];

/** Why a stream is routed where it is. */
export interface Explanation {
  readonly stream: string;
  /** What has it, or where it would be placed. */
  readonly kind: ServerKind;
  readonly session: string | undefined;
  readonly state: DecisionState;
  readonly server: string | undefined;
  readonly rule: RuleName;
  /** The rule in one sentence for people. */
  readonly because: string;
  readonly evidence: readonly ServerEvidence[];
}
