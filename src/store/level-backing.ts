import { mkdir } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import type { Logger } from '../log';
import type { Backing } from './backing';

/**
 * Texts in a folder, by LevelDB: one writer, each write synchronised to the disk, whole again after a power cut.
 * The folder is made if it is missing; the folder that it lies in must be there.
 *
 * @throws Error naming the folder: it is in use, cannot be made, cannot be written, or is damaged beyond repair.
 */
export async function openLevelBacking(folder: string, log: Logger): Promise<Backing> {
  await makeFolder(folder);
  const db = await openDatabase(folder, log);
  return {
    isDurable: true,
    isShared: false,
    isUp: true,
    get: (space, key) => db.get(place(space, key)),
    async write(space, changes, { isAbove = false } = {}) {
      const [first, text] = changes[0] ?? [];
      if (isAbove && first !== undefined && (await db.get(place(space, first))) !== text) {
        // One process writes here, and one journal has one writer: nothing comes in between.
        const [newest] = await db.keys({ gte: place(space, first), lt: end(space), reverse: true, limit: 1 }).all();
        if (newest !== undefined) return newest.slice(space.length + 1);
      }
      await db.batch(
        changes.map(([key, text]) =>
          text === undefined
            ? ({ type: 'del', key: place(space, key) } as const)
            : ({ type: 'put', key: place(space, key), value: text } as const),
        ),
        { sync: true },
      );
      return undefined;
    },
    async range(space, { after, before, limit, newestFirst = false }) {
      const texts = await db
        .iterator({
          gt: place(space, after ?? ''),
          lt: before === undefined ? end(space) : place(space, before),
          limit: limit ?? -1,
          reverse: newestFirst,
        })
        .all();
      return texts.map(([key, text]) => [key.slice(space.length + 1), text] as const);
    },
    cut: (space, throughKey) => db.clear({ gt: place(space, ''), lte: place(space, throughKey) }),
    async count(space) {
      let count = 0;
      const keys = db.keys({ gt: place(space, ''), lt: end(space) });
      try {
        for (let chunk = await keys.nextv(1000); chunk.length > 0; chunk = await keys.nextv(1000))
          count += chunk.length;
      } finally {
        await keys.close();
      }
      return count;
    },
    revision: () => Promise.resolve(undefined),
    close: () => db.close(),
  };
}

/** Names of spaces have no NUL, so that no key of one falls into another. */
function place(space: string, key: string): string {
  return `${space}\u0000${key}`;
}

function end(space: string): string {
  return `${space}\u0001`;
}

/** Only the last folder of the path: a whole path that is made out of a typing error hides the error. */
async function makeFolder(folder: string): Promise<void> {
  try {
    // Events may name streams and operators: nobody else's business.
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    throw new Error(`store.folder ${folder} cannot be made: ${messageOf(error)}`, { cause: error });
  }
}

async function openDatabase(folder: string, log: Logger): Promise<ClassicLevel> {
  const db = new ClassicLevel(folder);
  try {
    await db.open();
  } catch (error) {
    const cause = causeOf(error);
    if (codeOf(cause) !== 'LEVEL_CORRUPTION') throw explained(folder, cause ?? error);
    log.error({ folder, error: messageOf(cause) }, 'the store is damaged; it is repaired, what cannot be read is lost');
    try {
      await ClassicLevel.repair(folder);
      await db.open();
    } catch (again) {
      throw explained(folder, causeOf(again) ?? again);
    }
  }
  return db;
}

function explained(folder: string, cause: unknown): Error {
  if (codeOf(cause) === 'LEVEL_LOCKED') {
    return new Error(`store.folder ${folder} is in use by another process; every agent needs a folder of its own`, {
      cause,
    });
  }
  return new Error(`store.folder ${folder} cannot be opened: ${messageOf(cause)}`, { cause });
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}
