import type { ApiHealth, OperationalState } from '../directory';
import type { Emit } from '../events';

export interface SeenServer {
  readonly name: string;
  readonly operational: OperationalState;
  /** In maintenance, where HAProxy does not check. */
  readonly isMaint: boolean;
  readonly api: ApiHealth;
  readonly apiError: string | undefined;
}

/**
 * Tells of servers that went up, down or became suspect. The first sight of a server is no change. While a HAProxy is so young that
 * it takes every server for UP (`isYoung`), and for a server in maintenance, what was known stands.
 */
export function createServerEvents(emit: Emit): (servers: readonly SeenServer[], isYoung: boolean) => void {
  let known: ReadonlyMap<string, { readonly operational: OperationalState; readonly isSuspect: boolean }> = new Map();
  return (servers, isYoung) => {
    known = new Map(
      servers.map((server) => {
        const { name, api, apiError } = server;
        const before = known.get(name);
        const isFrozen = before !== undefined && (isYoung || server.isMaint);
        const operational = isFrozen ? before.operational : server.operational;
        if (before !== undefined && before.operational !== operational) {
          if (operational === 'DOWN') {
            emit({ type: 'server.down', server: name, reason: "HAProxy's check fails", evidence: 'haproxy' });
          } else emit({ type: 'server.up', server: name, reason: "HAProxy's check succeeds", evidence: 'haproxy' });
        }
        const isSuspect = api === 'suspect' && (operational === 'UP' || before?.isSuspect === true);
        if (isSuspect && before?.isSuspect === false) {
          const reason = `its Control API fails while HAProxy calls it UP: ${apiError ?? 'no answer'}`;
          emit({ type: 'server.suspect', server: name, reason, evidence: 'inventory' });
        }
        return [name, { operational, isSuspect }];
      }),
    );
  };
}
