import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { Logger } from '../log';
import { errorCode, errorText } from '../wire';
import type { Backing } from './backing';

/**
 * Texts in a folder, by LevelDB: one writer, each write synchronised to the disk, whole again after a power cut.
 * The folder is made if it is missing; the folder that it lies in must be there.
 *
 * @throws Error naming the folder: it is in use, cannot be made, cannot be written, or is damaged beyond repair.
 */
export async function openLevelBacking(folder: string, log: Logger): Promise<Backing> {
  await makeFolder(folder);
  const { db, damage } = await openDatabase(folder, log);
  const health = await watchFolder(db, folder, log);
  return {
    isDurable: true,
    isShared: false,
    get failure() {
      return health.failure();
    },
    damage,
    get: (space, key) => health.reading(() => db.get(place(space, key))),
    async write(space, changes, { isAbove = false } = {}) {
      const [first, text] = changes[0] ?? [];
      if (isAbove && first !== undefined && (await health.reading(() => db.get(place(space, first)))) !== text) {
        // One process writes here, and one journal has one writer: nothing comes in between.
        const above = { gte: place(space, first), lt: end(space), reverse: true, limit: 1 };
        const [newest] = await health.reading(() => db.keys(above).all());
        if (newest !== undefined) return newest.slice(space.length + 1);
      }
      await health.writing(() =>
        db.batch(
          changes.map(([key, text]) =>
            text === undefined
              ? ({ type: 'del', key: place(space, key) } as const)
              : ({ type: 'put', key: place(space, key), value: text } as const),
          ),
          { sync: true },
        ),
      );
      return undefined;
    },
    async range(space, { after, before, limit, newestFirst = false }) {
      const wanted = {
        gt: place(space, after ?? ''),
        lt: before === undefined ? end(space) : place(space, before),
        limit: limit ?? -1,
        reverse: newestFirst,
      };
      const texts = await health.reading(() => db.iterator(wanted).all());
      return texts.map(([key, text]) => [key.slice(space.length + 1), text] as const);
    },
    trim: (space, throughKey) =>
      health.writing(() => db.clear({ gt: place(space, ''), lte: place(space, throughKey) })),
    count: (space) =>
      health.reading(async () => {
        let count = 0;
        const keys = db.keys({ gt: place(space, ''), lt: end(space) });
        try {
          for (let chunk = await keys.nextv(1000); chunk.length > 0; chunk = await keys.nextv(1000))
            count += chunk.length;
        } finally {
          await keys.close();
        }
        return count;
      }),
    revision: () => Promise.resolve(undefined),
    async close() {
      await health.end();
      await db.close();
    },
  };
}

/** Whether what is written is stored. */
interface Health {
  /** Why it is not; undefined while it is. */
  failure(): string | undefined;
  /** Reads; not while the database is opened anew. */
  reading<T>(read: () => Promise<T>): Promise<T>;
  /** Writes, and rejects also where it was written into a folder that nobody will find again. */
  writing(write: () => Promise<void>): Promise<void>;
  end(): Promise<void>;
}

const lookEveryMs = 2000;
/** Beside the log of changes, which is written into a table when LevelDB opens. */
const roomToOpenBytes = 64 * 1024;

/**
 * LevelDB goes on writing into files of a folder that was deleted, without an error: the folder itself is looked at.
 * After a write that failed, what follows it in LevelDB's log may not be found again: before the next one it is opened anew.
 */
async function watchFolder(db: ClassicLevel, folder: string, log: Logger): Promise<Health> {
  const current = join(folder, 'CURRENT');
  /** Undefined while it is opened anew, which writes another. */
  let ino: number | undefined = (await stat(current)).ino;
  let isBroken = false;
  let recovering: Promise<void> | undefined;
  let failure: string | undefined;

  const note = (now: string | undefined, error?: string): void => {
    if (now !== undefined && now !== failure) log.error({ folder, error }, `nothing is stored: ${now}`);
    if (now === undefined && failure !== undefined) log.info({ folder }, 'the store saves what is written again');
    failure = now;
  };
  const isThere = async (): Promise<boolean> => {
    const found = await stat(current).catch(() => undefined);
    return found !== undefined && (ino === undefined || found.ino === ino);
  };
  const checkThere = async (): Promise<void> => {
    if (!(await isThere())) throw new Error('its folder was deleted or replaced; start the agent again');
  };
  const recover = async (): Promise<void> => {
    await checkThere();
    if (!isBroken) return;
    // While there is no room to open it, what is stored can at least be read.
    await checkRoom(folder);
    ino = undefined;
    await db.close();
    await db.open({ createIfMissing: false });
    ({ ino } = await stat(current));
    isBroken = false;
  };
  const writing = async (write: () => Promise<void>): Promise<void> => {
    try {
      // Else it is written at once: of two writes the one that was asked for last stands.
      if (isBroken || failure !== undefined) {
        recovering ??= recover().finally(() => {
          recovering = undefined;
        });
        await recovering;
      }
      await write().catch((error: unknown) => {
        isBroken = true;
        throw error;
      });
      await checkThere();
      note(undefined);
    } catch (error) {
      const reason = reasonOf(error);
      note(reason, errorText(causeOf(error) ?? error));
      throw new Error(`store.folder ${folder}: ${reason}`, { cause: error });
    }
  };

  /** Nobody may write for a long time: whether the folder is there, and after a failure whether writing works again. */
  const look = async (): Promise<void> => {
    if (failure === undefined) await checkThere();
    else await writing(() => db.del(place('look', 'nothing'), { sync: true }));
  };
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look).catch((error: unknown) => note(failure ?? reasonOf(error)));
  }, lookEveryMs);
  timer.unref();

  return {
    failure: () => failure,
    async reading(read) {
      // Whether it could be opened, the reading itself shows.
      await recovering?.catch(() => undefined);
      return read();
    },
    writing,
    async end() {
      clearInterval(timer);
      await looking;
    },
  };
}

/** @throws Error when as much cannot be written as LevelDB writes when it opens. */
async function checkRoom(folder: string): Promise<void> {
  const logs = (await readdir(folder)).filter((name) => name.endsWith('.log'));
  const bytes = roomToOpenBytes + (await totalBytes(folder, logs));
  const room = join(folder, 'room');
  try {
    await writeFile(room, Buffer.alloc(bytes));
  } finally {
    await rm(room, { force: true });
  }
}

async function totalBytes(folder: string, names: readonly string[]): Promise<number> {
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** In words for everybody: without the files that LevelDB and Node name. */
function reasonOf(error: unknown): string {
  const message = errorText(causeOf(error) ?? error);
  if (/no space left|quota exceeded/i.test(message)) return 'its disk is full';
  return message.replace(/^IO error: .*: /, '').replace(/, \w+( '.*')?$/, '');
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
    if (errorCode(error) === 'EEXIST') return;
    throw new Error(`store.folder ${folder} cannot be made: ${errorText(error)}`, { cause: error });
  }
}

interface Opened {
  readonly db: ClassicLevel;
  /** What was lost, in words for everybody. */
  readonly damage: string | undefined;
}

async function openDatabase(folder: string, log: Logger): Promise<Opened> {
  const logs = await keepLogs(folder);
  try {
    const db = new ClassicLevel(folder);
    if (await openOrRepair(db, folder, log)) {
      return { db, damage: 'it was repaired: what could not be read is lost' };
    }
    const bytes = await droppedBytes(folder);
    if (bytes === 0) return { db, damage: undefined };
    const copy = logs === undefined ? undefined : await takeForDamaged(folder, logs);
    log.error(
      { folder, bytes, copy },
      'the store was damaged: orders and events that were stored last are lost; check the desired state of each server',
    );
    return { db, damage: `orders and events that were stored last are lost: ${bytes} bytes could not be read` };
  } finally {
    if (logs !== undefined) await rm(logs, { recursive: true, force: true });
  }
}

/** @returns whether it was repaired. */
async function openOrRepair(db: ClassicLevel, folder: string, log: Logger): Promise<boolean> {
  try {
    await db.open();
    return false;
  } catch (error) {
    const cause = causeOf(error);
    if (!isDamage(cause)) throw explained(folder, cause ?? error);
    const copy = await keepCopy(folder);
    log.error(
      { folder, error: errorText(cause), copy },
      'the store is damaged; it is repaired, what cannot be read is lost: check the desired state of each server',
    );
    try {
      await ClassicLevel.repair(folder);
      await db.open();
      return true;
    } catch (again) {
      throw explained(folder, causeOf(again) ?? again);
    }
  }
}

/**
 * LevelDB's logs of changes as they are before it opens: it leaves out what it cannot read, and deletes them. It never writes into one again, so that a second
 * name is as good as a copy, which is made where the file system has no second names.
 * @returns the folder; undefined where there is no room, or nothing to keep.
 */
async function keepLogs(folder: string): Promise<string | undefined> {
  const kept = join(folder, 'opening');
  try {
    await rm(kept, { recursive: true, force: true });
    const names = (await readdir(folder)).filter((name) => /^\d+\.log$/.test(name));
    if ((await totalBytes(folder, names)) > mostLogBytes) return undefined;
    await mkdir(kept, { mode: 0o700 });
    for (const name of names) {
      const [from, to] = [join(folder, name), join(kept, name)];
      await link(from, to).catch(() => copyFile(from, to));
    }
    return kept;
  } catch {
    // Opening is worth more than the copy.
    await rm(kept, { recursive: true, force: true }).catch(() => undefined);
    return undefined;
  }
}

/** In place of what an earlier damage left. @returns where it is; undefined where that did not work. */
async function takeForDamaged(folder: string, logs: string): Promise<string | undefined> {
  const copy = join(folder, 'damaged');
  try {
    await rm(copy, { recursive: true, force: true });
    await rename(logs, copy);
    return copy;
  } catch {
    return undefined;
  }
}

/** Also a MANIFEST that is not there: the rest can be read without. */
function isDamage(cause: unknown): boolean {
  return errorCode(cause) === 'LEVEL_CORRUPTION' || /MANIFEST-\d+: No such file/.test(errorText(cause));
}

/** A log ends at 4 MiB, and the next one may be begun before it is gone; one write may be longer. */
const mostLogBytes = 16 * 1024 * 1024;
const mostCopiedBytes = 256 * 1024 * 1024;

/** The files as they were before the repair, beside them: the one copy, the last. Undefined where there is too much of it or no room. */
async function keepCopy(folder: string): Promise<string | undefined> {
  const copy = join(folder, 'damaged');
  try {
    const names = (await readdir(folder, { withFileTypes: true })).flatMap((entry) =>
      entry.isFile() && entry.name !== 'LOCK' ? [entry.name] : [],
    );
    if ((await totalBytes(folder, names)) > mostCopiedBytes) return undefined;
    await rm(copy, { recursive: true, force: true });
    await mkdir(copy, { mode: 0o700 });
    for (const name of names) await copyFile(join(folder, name), join(copy, name));
    return copy;
  } catch {
    // The repair is worth more than the copy.
    return undefined;
  }
}

/**
 * What LevelDB left out of its log when it opened: it says so in its own LOG alone. A tail that was cut off, as a loss of power leaves it, is not reported there: what was
 * acknowledged was synchronised before.
 */
async function droppedBytes(folder: string): Promise<number> {
  const text = await readFile(join(folder, 'LOG'), 'utf8').catch(() => '');
  return [...text.matchAll(/dropping (\d{1,15}) bytes; Corruption/g)].reduce(
    (sum, [, bytes]) => sum + Number(bytes),
    0,
  );
}

function explained(folder: string, cause: unknown): Error {
  if (errorCode(cause) === 'LEVEL_LOCKED') {
    return new Error(`store.folder ${folder} is in use by another process; every agent needs a folder of its own`, {
      cause,
    });
  }
  return new Error(`store.folder ${folder} cannot be opened: ${errorText(cause)}`, { cause });
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
}
