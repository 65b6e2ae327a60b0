import type { ControlledServer, EmptySlot, Intent, Move, NodeTables } from '../control';
import type { Answer, Making, Said } from './schemas';

/** A server as control has it, with every field there. */
export function controlView({ intent, ...server }: ControlledServer): Answer<'ControlledServer'> {
  return { ...server, intent: intentView(intent) };
}

/** An empty slot, with every field there. */
export function emptySlotView({ name, hostName, intent }: EmptySlot): Making<Said['ServerList']['emptySlots'][number]> {
  return { name, hostName, intent: intentView(intent) };
}

function intentView(intent: Intent | undefined): Answer<'Intent'> {
  if (intent === undefined) return undefined;
  const { kind, reason, operator, since, deadline } = intent;
  return { kind, reason, operator, since, deadline };
}

/** A move, with every field there. */
export function moveView({ stream, server, reason, operator, since }: Move): Answer<'Move'> {
  return { stream, server, reason, operator, since };
}

/** What one HAProxy holds about a stream, with every field there. */
export function tablesView({
  node,
  lastServer,
  route,
  sessions,
  error,
}: NodeTables): Making<NonNullable<Said['Explanation']['haproxy']>[number]> {
  return { node, lastServer, route, sessions, error };
}
