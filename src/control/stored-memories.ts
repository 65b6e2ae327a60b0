import { hostname } from 'node:os';
import type { Logger } from '../log';
import type { Store } from '../store';
import { errorText } from '../wire';
import {
  emptyNodeMemory,
  type NodeMemory,
  readNodeMemory,
  resumeNodeMemory,
  type StoredNodeMemory,
  toStoredNodeMemory,
} from './node-memory';

/** What was set in each HAProxy, stored so that a restarted agent can tell its own doing from others'. */
export interface StoredMemories {
  /** What was stored of a node; nothing where the store has nothing. Rejects when the store fails. */
  load(node: string): Promise<NodeMemory>;
  /** Stores a memory when it differs from the last one; writes in the background, the latest wins. */
  note(node: string, memory: NodeMemory): void;
  /** Resolves when everything is written, or failed. */
  written(): Promise<void>;
}

export function createStoredMemories(store: Store, log: Logger): StoredMemories {
  const collection = store.collection('haproxy-nodes', readNodeMemory);
  // Agents that share a store may each have a HAProxy of the same name.
  const keyOf = (node: string): string => (store.isShared ? `${hostname()} ${node}` : node);
  const written = new Map<string, string>();
  const waiting = new Map<string, StoredNodeMemory>();
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    for (;;) {
      const [next] = waiting;
      if (next === undefined) return;
      const [node, stored] = next;
      waiting.delete(node);
      try {
        await collection.set(keyOf(node), stored);
      } catch (error) {
        written.delete(node);
        log.warn({ node, error: errorText(error) }, 'what was set in HAProxy could not be stored');
      }
    }
  }

  return {
    async load(node) {
      const stored = await collection.get(keyOf(node));
      return stored === undefined ? emptyNodeMemory : resumeNodeMemory(stored);
    },
    note(node, memory) {
      const stored = toStoredNodeMemory(memory);
      if (stored === undefined) return;
      const text = JSON.stringify(stored);
      if (text === written.get(node)) return;
      written.set(node, text);
      waiting.set(node, stored);
      writing ??= write().finally(() => {
        writing = undefined;
      });
    },
    async written() {
      await writing;
    },
  };
}
