import { join } from 'node:path';

/**
 * Where the admin socket is, in the order in which they are tried: `/run/mtxpilot` (root, or a service with RuntimeDirectory=mtxpilot),
 * the user's own runtime folder, a folder of the user's own among the temporary files. A relative folder in the environment is none: the
 * agent and the command line would each mean another one.
 */
export function adminSocketPaths(env: NodeJS.ProcessEnv): readonly string[] {
  const isAbsolute = (folder: string | undefined): folder is string => folder?.startsWith('/') === true;
  const temporaryFolder = [env['TMPDIR'], env['TMP'], env['TEMP']].find(isAbsolute) ?? '/tmp';
  return [
    '/run/mtxpilot/admin.sock',
    ...[env['XDG_RUNTIME_DIR']].filter(isAbsolute).map((folder) => join(folder, 'mtxpilot/admin.sock')),
    join(temporaryFolder, `mtxpilot-${process.getuid?.() ?? 0}/admin.sock`),
  ];
}
