import { hostname } from 'node:os';
import type { Logger } from '../log';
import type { Store } from '../store';
import { errorText } from '../wire';
import {
  emptyNodeMemory,
  type KeptNodeMemory,
  keepNodeMemory,
  type NodeMemory,
  readNodeMemory,
  resumeNodeMemory,
} from './node-memory';

/** What was set in each HAProxy, kept so that a restarted agent can tell its own doing from others'. */
export interface KeptMemories {
  /** What was kept of a node; nothing where the store has nothing, or fails. */
  load(node: string): Promise<NodeMemory>;
  /** Keeps a memory when it differs from the last one; writes in the background, the latest wins. */
  keep(node: string, memory: NodeMemory): void;
  /** Resolves when everything is written, or failed. */
  settled(): Promise<void>;
}

export function createKeptMemories(store: Store, log: Logger): KeptMemories {
  const collection = store.collection('haproxy-nodes', readNodeMemory);
  // Agents that share a store may each have a HAProxy of the same name.
  const keyOf = (node: string): string => (store.isShared ? `${hostname()} ${node}` : node);
  const written = new Map<string, string>();
  const wanted = new Map<string, KeptNodeMemory>();
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    for (;;) {
      const [next] = wanted;
      if (next === undefined) return;
      const [node, kept] = next;
      wanted.delete(node);
      try {
        await collection.set(keyOf(node), kept);
      } catch (error) {
        written.delete(node);
        log.warn({ node, error: errorText(error) }, 'the store does not keep what was set in HAProxy');
      }
    }
  }

  return {
    async load(node) {
      const kept = await collection.get(keyOf(node)).catch((error: unknown) => {
        log.warn({ node, error: errorText(error) }, 'the store does not say what was set in HAProxy before');
        return undefined;
      });
      return kept === undefined ? emptyNodeMemory : resumeNodeMemory(kept);
    },
    keep(node, memory) {
      const kept = keepNodeMemory(memory);
      if (kept === undefined) return;
      const text = JSON.stringify(kept);
      if (text === written.get(node)) return;
      written.set(node, text);
      wanted.set(node, kept);
      writing ??= write().finally(() => {
        writing = undefined;
      });
    },
    async settled() {
      await writing;
    },
  };
}
