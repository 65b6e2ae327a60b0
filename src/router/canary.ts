import { hashText, pickByRendezvous, placeable, type ServerSlot } from '../directory';
import type { Decision } from './decision';
import type { Router } from './router';

/**
 * Names that are kept for requests by which `mtxpilot check` sees whether HAProxy asks the agent. They are valid names of streams, so that they go the
 * way of every other, and nobody publishes them.
 */
const canaryName = /^mtxpilot-canary-[0-9a-f]{16}$/;
const canaryPrefix = 'mtxpilot-canary-';
/** A viewer may ask for such names too; those of a check are asked about at once. */
const maxRemembered = 1000;

/**
 * The same router, that knows canaries: it decides them at once, on a server that could take them, without a lookup, and remembers that it was
 * asked. Its explanation tells: `placed` with the server when HAProxy has asked for this canary, `unknown` when nobody has.
 */
export function withCanaries(router: Router, directory: { slots(): readonly ServerSlot[] }): Router {
  const asked = new Map<string, { readonly decision: Decision; readonly atMs: number }>();

  function decideCanary(name: string): Decision {
    const slot = pickByRendezvous(hashText(name), placeable(directory.slots()));
    const decision: Decision =
      slot === undefined ? { state: 'unknown', server: undefined } : { state: 'placed', server: slot.name };
    const [oldest] = asked.keys();
    if (oldest !== undefined && asked.size >= maxRemembered) asked.delete(oldest);
    asked.set(name, { decision, atMs: performance.now() });
    return decision;
  }

  return {
    decide: (stream, session) =>
      stream.startsWith(canaryPrefix) && canaryName.test(stream)
        ? decideCanary(stream)
        : router.decide(stream, session),
    explain(stream, session) {
      if (!canaryName.test(stream)) return router.explain(stream, session);
      const known = asked.get(stream);
      const { state, server } = known?.decision ?? { state: 'unknown', server: undefined };
      const because =
        known === undefined
          ? 'nobody has asked for this canary'
          : `this canary was asked for ${Math.round(performance.now() - known.atMs)} ms ago`;
      return Promise.resolve({
        stream,
        kind: 'mediamtx' as const,
        session,
        state,
        server,
        rule: 'canary',
        because,
        evidence: [],
      });
    },
  };
}
