import { contract } from '../../../src/api/schemas';
import { intentKinds } from '../../../src/control';
import { holderPolicies } from '../../../src/directory';
import { eventTypes } from '../../../src/events';
import { operationNames } from '../../../src/measure';
import { decisionStates, ruleNames } from '../../../src/router';

const { DecisionState, Event, Explanation, OperationTimes, Server, Stream } = contract;

// The compiler sees that what is answered is in the contract. Here: that the contract promises no words that nobody says.
it.each<[of: string, promised: readonly string[], said: readonly string[]]>([
  ['states', DecisionState.options, decisionStates],
  ['rules', Explanation.shape.rule.options, ruleNames],
  ['policies', Stream.shape.policy.options, holderPolicies],
  ['intents', Server.shape.administrative.options, intentKinds],
  ['events', Event.shape.type.options, eventTypes],
  ['operations', OperationTimes.shape.operation.options, operationNames],
])('promises the %s that there are', (_of, promised, said) => {
  expect([...promised].sort()).toEqual([...said].sort());
});
