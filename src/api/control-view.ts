import type { ControlledServer, EmptySlot, Intent, Move, NodeTables } from '../control';

/** A server as control has it, with every field there. */
export function controlView(server: ControlledServer) {
  const { name, nodes, intent, wanted, because, api, viewersLeft, readers } = server;
  const { onlyHere, onlyHereCount, safeToStop, notSafeBecause } = server;
  return {
    name,
    intent: intent === undefined ? undefined : intentView(intent),
    wanted,
    because,
    nodes: nodes.map(({ node, operational, administrative, weight, viewers }) => ({
      node,
      operational,
      administrative,
      weight,
      viewers,
    })),
    api,
    viewersLeft,
    readers,
    onlyHere,
    onlyHereCount,
    safeToStop,
    notSafeBecause,
  };
}

/** An empty slot, with every field there. */
export function emptySlotView({ name, hostName, intent }: EmptySlot) {
  return { name, hostName, intent: intent === undefined ? undefined : intentView(intent) };
}

function intentView({ kind, reason, operator, since, deadline }: Intent) {
  return { kind, reason, operator, since, deadline };
}

/** A move, with every field there. */
export function moveView({ stream, server, reason, operator, since }: Move) {
  return { stream, server, reason, operator, since };
}

/** What one HAProxy holds about a stream, with every field there. */
export function tablesView({ node, lastServer, route, sessions, error }: NodeTables) {
  return { node, lastServer, route, sessions, error };
}
