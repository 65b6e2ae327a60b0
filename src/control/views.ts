import type { ApiHealth, OperationalState } from '../directory';

/** What an operator wants of a server. */
export const intentKinds = ['ready', 'drain', 'maint'] as const;
export type IntentKind = (typeof intentKinds)[number];

/** An operator's order, in force until another one replaces it. */
export interface Intent {
  readonly kind: IntentKind;
  readonly reason: string;
  /** Who asked, as the caller named himself; never a secret. */
  readonly operator: string;
  /** RFC 3339. */
  readonly since: string;
  /** Of a drain: when it turns to maint (RFC 3339). */
  readonly deadline?: string | undefined;
}

/** An operator's choice of the server for one stream, until cleared or that server loses the stream. */
export interface Move {
  readonly stream: string;
  readonly server: string;
  readonly reason: string;
  readonly operator: string;
  readonly since: string;
}

/** How one HAProxy sees a server. */
export interface NodeServerView {
  readonly node: string;
  readonly operational: OperationalState;
  /** HAProxy's administrative state in force. */
  readonly administrative: 'ready' | 'drain' | 'maint';
  readonly weight: number;
  /** Viewers whose session points there, from the node's `sessions` table; undefined while it is not known. */
  readonly viewers: number | undefined;
}

/** Everything that control knows of a server. */
export interface ControlledServer {
  readonly name: string;
  readonly nodes: readonly NodeServerView[];
  readonly intent: Intent | undefined;
  /** What control wants now, and why; `external` when somebody set a state by hand on the socket and it is left alone. */
  readonly wanted: IntentKind | 'external';
  readonly because: string;
  readonly api: ApiHealth;
  /** Viewers left: the greater of HAProxy's sessions and MediaMTX's HLS sessions, and readers by other ways; undefined while that is not known. While HAProxy's are not counted it is what the server tells, if that is anybody. */
  readonly viewersLeft: number | undefined;
  readonly readers: number;
  /** Streams that are live there and nowhere else. At most 100 are listed; `onlyHereCount` is exact; undefined until they are counted. */
  readonly onlyHere: readonly string[];
  readonly onlyHereCount: number | undefined;
  /** True when it is drained (or in maint) on every node, nobody watches from it any more and no stream lives only there. */
  readonly safeToStop: boolean;
  /** Why it is not safe, in words; empty when it is. */
  readonly notSafeBecause: string;
}

/** An entry of the backend for which no HAProxy has an address: an unused slot of a `server-template`, or a name that is not resolved. It is no server. */
export interface EmptySlot {
  readonly name: string;
  /** The name that HAProxy resolves. */
  readonly hostName: string;
  /** What was wanted of the server that had the slot before, and will be of the next one. */
  readonly intent: Intent | undefined;
}

/** How a stream is to be moved. */
export interface MoveOrder {
  readonly reason: string;
  readonly operator: string;
  /** Even to a server that does not have the stream, or cannot be used now. */
  readonly force?: boolean | undefined;
  /**
   * Also who is watching now goes to the new server. Default false: a player that goes on where it began notices nothing, while on another
   * server its playlists are those of another recording, so it stops with an error or starts again (a gap of some seconds), whatever the
   * version of MediaMTX. Ask for it when the old server must be left.
   */
  readonly moveViewers?: boolean | undefined;
}

/** Why an order was not carried out. */
export interface ControlProblem {
  readonly kind: 'no-such-server' | 'no-such-stream' | 'not-a-holder' | 'no-haproxy' | 'bad-request' | 'store-failed';
  readonly message: string;
}

export type ControlResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: ControlProblem };

/** What operators can ask of the running control. */
export interface Operations {
  servers(): readonly ControlledServer[];
  emptySlots(): readonly EmptySlot[];
  /** Kept in the store and applied at once; the answer shows the server after that. */
  setIntent(
    server: string,
    order: {
      readonly kind: IntentKind;
      readonly reason: string;
      readonly operator: string;
      readonly deadlineMs?: number | undefined;
    },
  ): Promise<ControlResult<ControlledServer>>;
  moves(): readonly Move[];
  /** `force` allows a server that has not got the stream. */
  move(stream: string, server: string, by: MoveOrder): Promise<ControlResult<Move>>;
  clearMove(stream: string, operator: string): Promise<ControlResult<undefined>>;
  /** What each HAProxy's tables hold about a stream: the server that last answered, the entry in routes.map, the sessions by server. */
  tables(stream: string): Promise<readonly NodeTables[]>;
}

export interface NodeTables {
  readonly node: string;
  /** The server in the table `streams`, of a relay's stream that of its account in `relay_accounts`; undefined where there is none. */
  readonly lastServer: string | undefined;
  /** The server that routes.map names. */
  readonly route: string | undefined;
  /** How far its routes.map is kept, in the words of RoutePushState; undefined where it is not. */
  readonly push?: 'starting' | 'right' | 'behind' | 'refused' | undefined;
  /** Agents that HAProxy asks; with none it reads no map either. Undefined where that is not known. */
  readonly agentsUp?: number | undefined;
  /** Sessions of the stream, by server: also of who has gone, until their entries expire. */
  readonly sessions: Readonly<Record<string, number>>;
  /** Why this node could not be asked. */
  readonly error: string | undefined;
}
