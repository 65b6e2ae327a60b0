import { chmodSync, lstatSync, mkdirSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The setting: a path, `auto` (the first place of `adminSocketPaths` that works), or null for none. */
export type AdminSocketSetting = { readonly path: string } | 'auto' | null;

/** Somebody listens there already. */
export class AdminSocketTaken extends Error {}

/**
 * Where the admin socket is, in the order in which they are tried: `/run/mtxpilot` (root, or a service with RuntimeDirectory=mtxpilot),
 * the user's own runtime folder, a folder of the user's own among the temporary files.
 */
export function adminSocketPaths(env: NodeJS.ProcessEnv): readonly string[] {
  const runtimeFolder = env['XDG_RUNTIME_DIR'];
  return [
    '/run/mtxpilot/admin.sock',
    ...(runtimeFolder?.startsWith('/') === true ? [join(runtimeFolder, 'mtxpilot/admin.sock')] : []),
    join(tmpdir(), `mtxpilot-${userId()}/admin.sock`),
  ];
}

/**
 * Lets a server listen on a Unix socket that only its own user may connect to (mode 0600; its folder is made when missing, mode 0700). A
 * socket file that nobody listens on any more is replaced; nothing else is.
 *
 * @throws (rejects) Error that says why in words: another program listens, a file of another kind, no permission, a folder of somebody else.
 */
export async function listenOnAdminSocket(server: Server, path: string): Promise<void> {
  makeFolder(dirname(path));
  await removeStale(path);
  // From its first moment on the file must not be open to others, hence the mask and not only chmod.
  const mask = process.umask(0o177);
  let listening: Promise<void>;
  try {
    listening = new Promise<void>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => reject(inWords(error, path));
      server.once('error', onError);
      // The file is made before this returns.
      server.listen({ path }, () => {
        server.off('error', onError);
        resolve();
      });
    });
  } finally {
    process.umask(mask);
  }
  await listening;
  chmodSync(path, 0o600);
}

/** Makes the folder; a folder that others could put their own socket into is refused. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw inWords(error as NodeJS.ErrnoException, folder);
  }
  const isOurs = ({ uid }: Stats): boolean => uid === userId() || uid === 0;
  const itself = statSync(folder);
  const isSticky = (itself.mode & 0o1000) !== 0;
  // A link of somebody else could lead elsewhere tomorrow.
  if (!isOurs(lstatSync(folder)) || !isOurs(itself)) throw new Error(`${folder} belongs to another user`);
  if ((itself.mode & 0o022) !== 0 && !isSticky) throw new Error(`${folder} can be written by other users`);
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
    EADDRINUSE: 'another program listens there',
    ENOTDIR: 'a part of the path is no folder',
    EEXIST: 'a part of the path is no folder',
  };
  const reason = reasons[error.code ?? ''] ?? error.message;
  return new Error(`${path} cannot be made: ${reason}`, { cause: error });
}

function userId(): number {
  return process.getuid?.() ?? 0;
}
