import type { ControlledServer, EmptySlot, Move, NodeTables, Operations } from '../../../src/control/views';

/** Control in memory: it notes what it is asked, and refuses what a test tells it to. */
export interface FakeOperations extends Operations {
  /** `setIntent mtx1 {…}` and so on, in order. */
  readonly orders: string[];
  controlled: ControlledServer[];
  empty: EmptySlot[];
  inForce: Move[];
  held: NodeTables[];
  refusal:
    | { kind: 'no-such-server' | 'no-such-stream' | 'not-a-holder' | 'no-haproxy' | 'bad-request' | 'store-failed' }
    | undefined;
}

export function controlled(name: string, more: Partial<ControlledServer> = {}): ControlledServer {
  return {
    name,
    nodes: [{ node: 'lb1', operational: 'UP', administrative: 'ready', weight: 1, viewers: 2 }],
    intent: undefined,
    wanted: 'ready',
    because: 'no order says otherwise',
    api: 'ok',
    viewersLeft: 2,
    readers: 1,
    onlyHere: ['live/a'],
    onlyHereCount: 1,
    safeToStop: false,
    notSafeBecause: 'it takes new viewers',
    ...more,
  };
}

export function createFakeOperations(): FakeOperations {
  const since = '2026-11-21T10:00:00.000Z';
  const refused = () => {
    const { refusal } = fake;
    return refusal === undefined
      ? undefined
      : ({ ok: false, problem: { ...refusal, message: 'mtx1 says no' } } as const);
  };
  const note = (name: string, ...parts: unknown[]): void => {
    fake.orders.push(
      [name, ...parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part)))].join(' '),
    );
  };
  const fake: FakeOperations = {
    orders: [],
    controlled: [controlled('mtx1')],
    empty: [],
    inForce: [],
    held: [],
    refusal: undefined,
    servers: () => fake.controlled,
    emptySlots: () => fake.empty,
    setIntent: (server, wish) => {
      note('setIntent', server, wish);
      const { kind, reason, operator, deadlineMs } = wish;
      const deadline = deadlineMs === undefined ? undefined : '2026-11-21T10:30:00.000Z';
      const value = controlled(server, { intent: { kind, reason, operator, since, deadline }, wanted: kind });
      return Promise.resolve(refused() ?? { ok: true, value });
    },
    moves: () => fake.inForce,
    move: (stream, server, { reason, operator, force, moveViewers }) => {
      note('move', stream, server, { reason, operator, force, ...(moveViewers === true && { moveViewers }) });
      return Promise.resolve(refused() ?? { ok: true, value: { stream, server, reason, operator, since } });
    },
    clearMove: (stream, operator) => {
      note('clearMove', stream, operator);
      return Promise.resolve(refused() ?? { ok: true, value: undefined });
    },
    tables: () => Promise.resolve(fake.held),
  };
  return fake;
}
