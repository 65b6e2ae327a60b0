import { isStreamName } from '../mediamtx';

/** One entry of routes.map. */
export type Route = readonly [stream: string, server: string];

/** What turns the map as it is into the map as it should be. */
export interface PushPlan {
  readonly add: readonly Route[];
  readonly change: readonly Route[];
  readonly remove: readonly string[];
}

/** HAProxy's own rule for names of servers; what a lookup gives is put into `use-server`. */
const serverName = /^[A-Za-z0-9_.:-]{1,255}$/;

/** Whether a route may be sent to HAProxy: only what passes here is ever written into a command. */
export function isPushable(stream: string, server: string): boolean {
  return isStreamName(stream) && serverName.test(server);
}

/**
 * Compares what the map holds with what is wanted of some streams, or of all.
 *
 * @param wanted undefined for a stream that belongs into no map. What is not pushable counts as that.
 */
export function planPush(
  have: ReadonlyMap<string, string>,
  wanted: Iterable<readonly [stream: string, server: string | undefined]>,
): PushPlan {
  const add: Route[] = [];
  const change: Route[] = [];
  const remove: string[] = [];
  for (const [stream, server] of wanted) {
    const known = have.get(stream);
    if (server === undefined || !isPushable(stream, server)) {
      if (known !== undefined) remove.push(stream);
    } else if (known === undefined) add.push([stream, server]);
    else if (known !== server) change.push([stream, server]);
  }
  return { add, change, remove };
}

/**
 * Whether the whole map is sent sooner than the plan is carried out. Additions travel some hundred a command in both; a change and a
 * removal cost a command each, as much as some hundred entries of a whole map.
 */
export function isReplacementCheaper({ change, remove }: PushPlan, entries: number): boolean {
  const commands = change.length + remove.length;
  return commands > 30 && commands * 100 > entries;
}
