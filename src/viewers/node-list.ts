/** One HAProxy, as the list of viewers sees it. */
export interface ViewerNode {
  readonly id: number;
  readonly name: string;
  /** Whether its touches come as they happen. */
  isUp: boolean;
  /** Since when it is up, or not. */
  sinceMs: number;
  viewers: number;
  peak: number;
  peakAtMs: number;
}

export interface NodeList {
  /** The node of that name; a new one is not up. */
  named(name: string, nowMs: number): ViewerNode;
  find(name: string): ViewerNode | undefined;
  byId(id: number): ViewerNode | undefined;
  all(): IterableIterator<ViewerNode>;
  forget(node: ViewerNode): void;
}

export function createNodeList(): NodeList {
  const byName = new Map<string, ViewerNode>();
  const byId: (ViewerNode | undefined)[] = [];
  return {
    named(name, nowMs) {
      let node = byName.get(name);
      if (node === undefined) {
        const free = byId.indexOf(undefined);
        const id = free < 0 ? byId.length : free;
        node = { id, name, isUp: false, sinceMs: nowMs, viewers: 0, peak: 0, peakAtMs: nowMs };
        byName.set(name, node);
        byId[id] = node;
      }
      return node;
    },
    find: (name) => byName.get(name),
    byId: (id) => byId[id],
    all: () => byName.values(),
    forget(node) {
      byName.delete(node.name);
      byId[node.id] = undefined;
    },
  };
}
