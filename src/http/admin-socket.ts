import { chmodSync, existsSync, lstatSync, mkdirSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { request, type Server } from 'node:http';
import { dirname } from 'node:path';
import type { Logger } from '../log';
import { errorCode, listenOn, ownValue } from '../wire';

/** The setting: a path, `auto` (the first place of `adminSocketPaths` that works), or null for none. */
export type AdminSocketSetting = { readonly path: string } | 'auto' | null;

/** Somebody listens there already. */
export class AdminSocketTaken extends Error {}

/** A Unix socket's path has at most so many bytes on Linux. */
const longestPathBytes = 107;

/**
 * Lets a server listen on a Unix socket that only its own user may connect to (mode 0600; its folder is made when missing, mode 0700). A
 * socket file that nobody listens on any more is replaced; nothing else is.
 *
 * @throws (rejects) Error that says why in words: another program listens, a file of another kind, no permission, a folder of somebody else.
 */
export async function listenOnAdminSocket(server: Server, path: string, log: Logger): Promise<void> {
  if (Buffer.byteLength(path) > longestPathBytes) {
    throw new Error(`${path} cannot be made: the path is longer than ${longestPathBytes} bytes`);
  }
  useFolder(dirname(path));
  await removeStale(path);
  // From its first moment on the file must not be open to others, hence the mask and not only chmod.
  const mask = process.umask(0o177);
  let listening: Promise<void>;
  try {
    // The file is made before this returns.
    listening = listenOn(server, { path }, { who: 'admin socket', log });
  } finally {
    process.umask(mask);
  }
  await listening.catch((error: unknown) => {
    throw inWords((error as Error).cause as NodeJS.ErrnoException, path);
  });
  chmodSync(path, 0o600);
}

/** Makes the folder where it is missing; a folder that others could put their own socket into is refused. */
function useFolder(folder: string): void {
  let itself: Stats;
  try {
    makeFolder(folder);
    itself = statSync(folder);
  } catch (error) {
    throw inWords(error as NodeJS.ErrnoException, folder);
  }
  if (!itself.isDirectory()) throw new Error(`${folder} is no folder`);
  const isOurs = ({ uid }: Stats): boolean => uid === userId() || uid === 0;
  const isSticky = (itself.mode & 0o1000) !== 0;
  // A link of somebody else could lead elsewhere tomorrow.
  if (!isOurs(lstatSync(folder)) || !isOurs(itself)) throw new Error(`${folder} belongs to another user`);
  if ((itself.mode & 0o022) !== 0 && !isSticky) throw new Error(`${folder} can be written by other users`);
}

/** Not mkdir's `recursive`: Node 20 tries for ever where a folder that exists takes no others, as /proc does. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  const around = dirname(folder);
  if (around !== folder) makeFolder(around);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another program was quicker.
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new Error(`${path} is there already, and is no socket`);
  const answer = await connectError(path);
  if (answer === undefined) throw new AdminSocketTaken(`another program listens on ${path}`);
  if (answer !== 'ECONNREFUSED') throw new Error(`${path} is there already, and cannot be tried (${answer})`);
  unlinkSync(path);
}

/** The system's error when nobody answers; undefined when somebody does. */
function connectError(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = request({ socketPath: path, path: '/healthz', agent: false });
    probe.once('socket', (socket) => {
      // Whoever accepts is alive, whatever he answers.
      socket.once('connect', () => {
        resolve(undefined);
        probe.destroy();
      });
    });
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    probe.end();
  });
}

function inWords(error: NodeJS.ErrnoException, path: string): Error {
  const reasons: Readonly<Record<string, string>> = {
    EACCES: 'no permission',
    EPERM: 'no permission',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the file system is full',
    EADDRINUSE: 'another program listens there',
    ENOTDIR: 'a part of the path is no folder',
    // What is around it is there by then.
    ENOENT: 'the file system takes nothing new there, or a link leads nowhere',
    ELOOP: 'a link leads to itself',
    ENAMETOOLONG: 'a name in the path is too long',
  };
  const reason = ownValue(reasons, error.code ?? '') ?? error.message;
  return new Error(`${path} cannot be made: ${reason}`, { cause: error });
}

function userId(): number {
  return process.getuid?.() ?? 0;
}
