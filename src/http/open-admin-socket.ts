import type { Logger } from '../log';
import { adminSocketPaths, errorText } from '../wire';
import { type AdminSocketSetting, AdminSocketTaken } from './admin-socket';

/**
 * Opens the admin socket where the setting says. With `auto`, none is no failure: a line in the log tells why, and changes need the token
 * then. An agent that finds the place taken by another agent does not look for a second one, where nobody would look for it.
 *
 * @throws (rejects) Error that names the setting, when the socket of a given path cannot be opened.
 */
export async function openAdminSocket(
  http: { listenForAdmin(path: string): Promise<void> },
  setting: AdminSocketSetting,
  env: NodeJS.ProcessEnv,
  log: Logger,
): Promise<void> {
  if (setting === null) return;
  if (setting !== 'auto') {
    await http.listenForAdmin(setting.path).catch((error: unknown) => {
      throw new Error(`http.adminSocket: ${errorText(error)}`, { cause: error });
    });
    return;
  }
  const reasons: string[] = [];
  for (const path of adminSocketPaths(env)) {
    try {
      await http.listenForAdmin(path);
      return;
    } catch (error) {
      reasons.push(errorText(error));
      if (error instanceof AdminSocketTaken) break;
    }
  }
  log.warn({ reasons }, 'no admin socket: changes need the token; http.adminSocket sets another place');
}
