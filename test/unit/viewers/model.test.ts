import fc from 'fast-check';
import { createViewers } from '../../../src/viewers';

/*
 * Against a model that is slow and obvious: a map, and a look at every viewer at every moment.
 */

const goneAfterMs = 2000;
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('touch' as const),
      viewer: fc.nat(7),
      node: fc.nat(1),
      server: fc.nat(2),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), ticks: fc.integer({ min: 1, max: 150 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('up' as const, 'down' as const), node: fc.nat(1) }) },
);

it('viewers, their servers and nodes are those of the model, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      let nowMs = 500_000;
      const viewers = createViewers({ goneAfterMs, showAddresses: false, nowMs, lostAfterMs: 1e9 });
      const model = new Map<string, { node: string; server: string; restMs: number; seenMs: number }>();
      const isUp = new Map([
        ['lb0', true],
        ['lb1', true],
      ]);
      for (const node of isUp.keys()) viewers.nodeUp(node, nowMs);
      for (const one of steps) {
        if (one.kind === 'touch') {
          const [key, node, server] = [`live/${one.viewer % 3}|s${one.viewer}`, `lb${one.node}`, `mtx${one.server}`];
          // A HAProxy that is not heard says nothing.
          if (isUp.get(node) !== true) continue;
          viewers.see({ node, key, serverName: server, idleMs: 0, live: true, bytesOut: undefined }, nowMs);
          // Two touches at the same moment over two nodes: the first stays, until the next.
          const before = model.get(key);
          if (before !== undefined && before.node !== node && before.seenMs === nowMs) continue;
          model.set(key, { node, server, restMs: goneAfterMs, seenMs: nowMs });
        } else if (one.kind === 'pass') {
          for (let tick = 0; tick < one.ticks; tick++) {
            nowMs += viewers.tickMs;
            viewers.tick(nowMs);
            for (const [key, viewer] of model) {
              if (isUp.get(viewer.node) !== true) continue;
              viewer.restMs -= viewers.tickMs;
              if (viewer.restMs <= 0) model.delete(key);
            }
          }
        } else if (one.kind === 'up') {
          viewers.nodeUp(`lb${one.node}`, nowMs);
          isUp.set(`lb${one.node}`, true);
        } else {
          viewers.nodeDown(`lb${one.node}`, nowMs);
          isUp.set(`lb${one.node}`, false);
        }
        const listed = viewers
          .list({ limit: 100 })
          .viewers.map(({ stream, session, node, server }) => `${stream}|${session} ${node} ${server}`);
        expect(listed.sort()).toEqual([...model].map(([key, { node, server }]) => `${key} ${node} ${server}`).sort());
      }
    }),
    { numRuns: 300 },
  );
});
