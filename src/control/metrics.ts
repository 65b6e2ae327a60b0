import { type Collector, counter, gauge, samplesOf, snakeCase } from '../measure';
import type { HaproxyControl } from './control';
import type { RoutePush } from './push';

export const controlMetrics: Collector<Pick<HaproxyControl, 'stats'>> = {
  component: 'HAProxy and its servers',
  metrics: {
    mtxpilot_haproxy_polls_total: counter(
      'Times HAProxy was asked for its servers.',
      ({ stats }) => stats.observer.polls,
    ),
    mtxpilot_haproxy_poll_failures_total: counter(
      'Times HAProxy gave no usable answer when asked for its servers; the last known ones stay in use.',
      ({ stats }) => stats.observer.failures,
    ),
    mtxpilot_haproxy_reloads_total: counter(
      'Times a new HAProxy process was found.',
      ({ stats }) => stats.observer.reloads,
    ),
    mtxpilot_haproxy_fleet_changes_total: counter(
      "Changes in the addresses, states or number of HAProxy's servers.",
      ({ stats }) => stats.observer.changes,
    ),
    mtxpilot_haproxy_up: gauge(
      '1 if the HAProxy answered when last asked for its servers, else 0.',
      ['node'],
      ({ stats }) => Array.from(stats.nodes, ([node, { isUp }]) => [node, isUp ? 1 : 0]),
    ),
    mtxpilot_control_commands_total: counter(
      "Commands sent to HAProxy. command=set_state, set_weight: of a server; clear_entries: clear the sessions and streams of a server in maintenance. result=failed: no acceptable reply, so HAProxy's state is read again.",
      ['node', 'command', 'result'],
      ({ stats }) =>
        Array.from(stats.nodes).flatMap(([node, { commands }]) =>
          Object.entries(commands).flatMap(([command, counts]) => samplesOf(counts, node, snakeCase(command))),
        ),
    ),
    mtxpilot_control_actions_total: counter(
      "States and weights set in HAProxy by reason. reason=intent: an operator's order; deadline: a drain ran out of time; api_suspect, api_recovered: control.onApiFailure; load: control.weights; undo: no longer wanted.",
      ['reason'],
      ({ stats }) => samplesOf(stats.actions),
    ),
    mtxpilot_control_guard_holds_total: counter(
      'Times a server with a failing Control API was not drained because half of the servers were out already.',
      ({ stats }) => stats.guardHolds,
    ),
    mtxpilot_control_held_back_servers: gauge(
      'Servers that the guard is keeping from being drained.',
      ({ stats }) => stats.heldBack,
    ),
    mtxpilot_empty_slots: gauge(
      'Backend entries for which no HAProxy has an address, such as unused server-template slots. They do not count as servers.',
      ({ stats }) => stats.emptySlots,
    ),
    mtxpilot_control_external_servers: gauge(
      'Servers whose state somebody else set in HAProxy; the agent leaves them alone.',
      ({ stats }) => stats.external,
    ),
  },
};

type Push = Pick<RoutePush, 'stats' | 'view'>;

/** A sample for each HAProxy. */
const byNode =
  (read: (push: Push) => number) =>
  (pushes: readonly Push[]): [string, number][] =>
    pushes.map((push) => [push.view().node, read(push)]);

/** One push for each HAProxy. */
export const routeMetrics: Collector<readonly Push[]> = {
  component: 'routes.map',
  metrics: {
    mtxpilot_routes: gauge(
      'Entries of routes.map in HAProxy.',
      ['node'],
      byNode(({ view }) => view().entries),
    ),
    mtxpilot_routes_waiting: gauge(
      'Changes to routes.map that are queued or being sent.',
      ['node'],
      byNode(({ view }) => view().waiting),
    ),
    mtxpilot_routes_refused: gauge(
      '1 while routes.map cannot be filled (missing in HAProxy, HAProxy unreachable, or a command refused). HAProxy asks the agent instead, and the agent keeps trying.',
      ['node'],
      byNode(({ view }) => (view().state === 'refused' ? 1 : 0)),
    ),
    mtxpilot_route_changes_total: counter(
      'Entries of routes.map that were sent. change=added, changed or removed; repaired: those of them whose value in HAProxy was not what the agent had left.',
      ['node', 'change'],
      (pushes) =>
        pushes.flatMap(({ stats: { added, changed, removed, repaired }, view }) =>
          samplesOf({ added, changed, removed, repaired }, view().node),
        ),
    ),
    mtxpilot_route_map_operations_total: counter(
      'Operations on routes.map as a whole. operation=replace: all entries rewritten; read: read back; overflow: too many changes to queue, so everything was compared; failure: a command got no acceptable reply.',
      ['node', 'operation'],
      (pushes) =>
        pushes.flatMap(
          ({ stats: { replacements: replace, reads: read, overflows: overflow, failures: failure }, view }) =>
            samplesOf({ replace, read, overflow, failure }, view().node),
        ),
    ),
    mtxpilot_route_memories_cleared_total: counter(
      "Entries cleared from HAProxy's streams table because the stream had moved.",
      ['node'],
      byNode(({ stats }) => stats.cleared),
    ),
  },
};
