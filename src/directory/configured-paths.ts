import { setImmediate as nextTurn } from 'node:timers/promises';
import { isStreamName, type PathConfig, type PathStart } from '../mediamtx';
import { compilePathPattern, type PathPattern } from './path-pattern';
import type { ServerSlot } from './server-slot';
import type { PathAt } from './views';

/**
 * What servers are configured to have. Lists name no regular expression and do not tell a path that waits for its publisher from one that would run a
 * command; the configuration does.
 */
export interface ConfiguredPaths {
  /**
   * Asks those servers whose configuration was read too long ago, one question a server at a time. It resolves when those that were asked a moment ago
   * at most have answered; undefined when there is nothing to wait for. It never rejects.
   */
  refresh(slots: readonly ServerSlot[]): Promise<unknown> | undefined;
  /** What would make the stream live there; `none` when no entry covers its name; undefined when that is not known. */
  startOf(slot: ServerSlot, stream: string): PathStart | 'none' | undefined;
  forget(slot: ServerSlot): void;
  /** Names and patterns kept, over all servers. */
  readonly size: number;
}

export interface ConfiguredPathsOptions {
  /** Names kept, over all servers. What is above it makes that server's configuration unknown beyond the names that are kept. */
  readonly maxNames: number;
  /** A refresh that began before so many ms is not waited for. */
  readonly waitMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Known {
  readonly names: Map<string, PathStart>;
  /** In MediaMTX's order, the first that matches counts. */
  readonly patterns: readonly { readonly pattern: PathPattern | undefined; readonly start: PathStart }[];
  /** False where something had to be left out. */
  readonly isWhole: boolean;
}

interface Question {
  readonly askedAt: number;
  readonly done: Promise<void>;
}

/** What was read so long ago is read again when it is needed. */
const freshForMs = 10_000;
/** A server spends at most this part of its time on answering. */
const answeringShare = 0.05;
const afterFailureMs = 2_000;
const maxPatterns = 200;
const maxCompiled = 1_000;

const isCatchAll = (name: string): boolean => name === 'all_others' || name === 'all';

export function createConfiguredPaths(options: ConfiguredPathsOptions): ConfiguredPaths {
  const { now, maxNames, waitMs } = options;
  const known = new Map<ServerSlot, Known>();
  const questions = new Map<ServerSlot, Question>();
  const dueAt = new Map<ServerSlot, number>();
  /** By text: the servers of a fleet mostly have the same. */
  const compiled = new Map<string, PathPattern | undefined>();
  let size = 0;

  function drop(slot: ServerSlot): void {
    const before = known.get(slot);
    if (before === undefined) return;
    size -= before.names.size + before.patterns.length;
    known.delete(slot);
  }

  async function compile(name: string): Promise<PathPattern | undefined> {
    const text = isCatchAll(name) ? '^.*$' : name.slice(1);
    if (!compiled.has(text)) {
      if (compiled.size >= maxCompiled) compiled.clear();
      compiled.set(text, await compilePathPattern(text));
      // Each takes a millisecond, the first ones more.
      await nextTurn();
    }
    return compiled.get(text);
  }

  async function read(slot: ServerSlot, askedAt: number): Promise<void> {
    const names = new Map<string, PathStart>();
    const covering: PathConfig[] = [];
    let isWhole = true;
    const room = maxNames - size + (known.get(slot)?.names.size ?? 0);
    const answer = await slot.client.listPathConfigs((config) => {
      const isPattern = config.name.startsWith('~') || isCatchAll(config.name);
      if (!isPattern && !isStreamName(config.name)) return;
      if (isPattern ? covering.length >= maxPatterns : names.size >= room) isWhole = false;
      else if (isPattern) covering.push(config);
      else names.set(config.name, config.start);
    });
    const isCurrent = (): boolean => questions.get(slot)?.askedAt === askedAt;
    if (!answer.ok) {
      if (isCurrent()) dueAt.set(slot, now() + afterFailureMs);
      return;
    }
    covering.sort(byMediamtxOrder);
    const patterns: { pattern: PathPattern | undefined; start: PathStart }[] = [];
    for (const { name, start } of covering) patterns.push({ pattern: await compile(name), start });
    // It left the fleet, or was given up, meanwhile.
    if (!isCurrent()) return;
    drop(slot);
    known.set(slot, { names, patterns, isWhole });
    size += names.size + patterns.length;
    dueAt.set(slot, askedAt + Math.max(freshForMs, answer.tookMs / answeringShare));
  }

  function ask(slot: ServerSlot): Question {
    const askedAt = now();
    const done = read(slot, askedAt).finally(() => {
      if (questions.get(slot) === question) questions.delete(slot);
    });
    const question: Question = { askedAt, done };
    questions.set(slot, question);
    return question;
  }

  return {
    refresh(slots) {
      const waited: Promise<void>[] = [];
      for (const slot of slots) {
        const at = now();
        const isDue = at >= (dueAt.get(slot) ?? 0);
        const question = questions.get(slot) ?? (isDue ? ask(slot) : undefined);
        if (question !== undefined && at - question.askedAt < waitMs) waited.push(question.done);
      }
      return waited.length === 0 ? undefined : Promise.all(waited);
    },
    startOf(slot, stream) {
      const config = known.get(slot);
      if (config === undefined) return undefined;
      const named = config.names.get(stream);
      if (named !== undefined || !config.isWhole) return named;
      for (const { pattern, start } of config.patterns) {
        const isMatch = pattern?.test(stream);
        if (isMatch === undefined) return undefined;
        if (isMatch) return start;
      }
      return 'none';
    },
    forget(slot) {
      drop(slot);
      questions.delete(slot);
      dueAt.delete(slot);
    },
    get size() {
      return size;
    },
  };
}

/**
 * @param told by the server's lists and single answers, which are newer than its configuration, and do not tell everything.
 * @param configured by its configuration; `none` where no entry covers the name.
 */
export function pathAt(told: PathStart | undefined, configured: PathStart | 'none' | undefined): PathAt {
  if (configured === 'reader') return 'startable';
  if (configured === 'itself') return 'configured';
  if (told === 'reader') return 'startable';
  if (told === 'publisher' || configured === 'publisher') return 'configured';
  return told === undefined && configured === undefined ? 'unknown' : 'not configured';
}

/** By name, and those for all other names last (MediaMTX's FindPathConf). */
function byMediamtxOrder(a: PathConfig, b: PathConfig): number {
  if (isCatchAll(a.name) !== isCatchAll(b.name)) return isCatchAll(a.name) ? 1 : -1;
  return a.name < b.name ? -1 : 1;
}
