import type { Directory } from '../directory';
import type { Emit } from '../events';
import type { Logger } from '../log';
import type { HaproxyNode } from '../runtime';
import type { Store } from '../store';
import { type Control, type ControlOptions, createControl } from './control';
import { createMoves } from './moves';
import { createRoutePush, type RoutePush } from './push';

export interface HaproxyControlOptions
  extends Pick<
    ControlOptions,
    | 'backend'
    | 'apiUrlFor'
    | 'onApiFailure'
    | 'weights'
    | 'leads'
    | 'intervalMs'
    | 'goneAfterMs'
    | 'store'
    | 'emit'
    | 'log'
  > {
  readonly nodes: readonly HaproxyNode[];
  readonly directory: Directory;
  /** The map to be kept filled, as haproxy.cfg names it; null for none. */
  readonly map: string | null;
  /** How long the last good answer of a server counts. */
  readonly staleForMs: number;
  readonly store: Store;
  readonly emit: Emit;
  readonly log: Logger;
}

/** Control of servers, routes and moves over every HAProxy, as one thing that starts and stops. */
export interface HaproxyControl extends Control {
  /** One for each HAProxy; none when no map is kept. */
  readonly pushes: readonly RoutePush[];
}

/** Makes control of every HAProxy; nothing is asked before `start`. */
export function createHaproxyControl(options: HaproxyControlOptions): HaproxyControl {
  const { directory, map, staleForMs, store, emit, log } = options;
  const nodes = options.nodes.map((node) =>
    map === null
      ? node
      : {
          ...node,
          push: createRoutePush({ node: node.name, client: node.routes, directory, map, staleForMs, log }),
        },
  );
  const pushes = nodes.flatMap((node) => ('push' in node ? [node.push] : []));
  const moves = createMoves({ store, directory, nodes, emit, log, isFleetKnown: () => control.isFleetKnown() });
  const control: Control = createControl({ ...options, nodes, moves });
  return {
    ...control,
    async start() {
      await moves.start();
      await control.start();
      for (const push of pushes) push.start();
    },
    async stop() {
      await Promise.all(pushes.map((push) => push.stop()));
      await control.stop();
      await moves.stop();
    },
    pushes,
  };
}
