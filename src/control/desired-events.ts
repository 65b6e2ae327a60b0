import type { Emit } from '../events';
import type { Logger } from '../log';
import type { DesiredServer } from './desired-state';
import type { NodeMemory } from './node-memory';
import type { IntentKind } from './views';

/** Announces what is desired of a server without an operator's order: drains that ran out of time, automatic drains and their end, and what the guard holds back. */
export interface DesiredEvents {
  /** What an earlier life of the agent carried out, it announced as well. */
  start(stored: readonly NodeMemory[]): void;
  note(desired: ReadonlyMap<string, DesiredServer>): void;
  readonly stats: { guardHolds: number; heldBack: number };
}

export function createDesiredEvents(emit: Emit, log: Logger): DesiredEvents {
  const stats = { guardHolds: 0, heldBack: 0 };
  let before: ReadonlyMap<string, DesiredServer> = new Map();
  let carriedOut: ReadonlySet<string> = new Set();

  function announce(server: string, kind: IntentKind, reason: string): void {
    log.info({ server, kind, reason, by: 'agent' }, 'the desired state of a server has changed');
    emit({ type: 'server.intent', server, reason, evidence: 'agent', data: { kind } });
  }

  function noteServer(server: string, desired: DesiredServer, old: DesiredServer | undefined): void {
    const { by, state, reason, because, isHeldBack } = desired;
    if (isHeldBack && old?.isHeldBack !== true) {
      stats.guardHolds++;
      log.warn({ server }, `server is not drained: ${because}`);
    }
    const isAnnounced = old === undefined && carriedOut.has(`${server} ${desired.intentId}`);
    if (reason === 'deadline' && old?.reason !== 'deadline' && !isAnnounced) announce(server, 'maint', because);
    if (by === 'automatic' && old !== undefined && old.by !== 'automatic') announce(server, 'drain', because);
    if (by !== 'automatic' && old?.by === 'automatic' && state !== 'drain' && state !== 'maint')
      announce(server, 'ready', 'its Control API answers again, or automatic action may not hold it');
  }

  return {
    start(stored) {
      carriedOut = new Set(
        stored.flatMap(({ servers }) => [...servers].map(([server, { intentId }]) => `${server} ${intentId}`)),
      );
    },
    note(desired) {
      for (const [server, each] of desired) noteServer(server, each, before.get(server));
      stats.heldBack = [...desired.values()].filter(({ isHeldBack }) => isHeldBack).length;
      before = desired;
    },
    stats,
  };
}
