/** Viewers of one HAProxy, by what they watch. */
export interface NodeCounts {
  readonly viewers: number;
  readonly streams: ReadonlyMap<string, number>;
  /** Viewers that have a server. */
  readonly servers: ReadonlyMap<string, number>;
}
