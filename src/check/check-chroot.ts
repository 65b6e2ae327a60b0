import { readFileSync, statSync } from 'node:fs';
import { compareVersions } from './block-condition';
import { type Finding, right, wrong } from './finding';
import { globalLine, type ParsedConfig } from './parse-config';

/** From this version on HAProxy warns at its start when root starts it without `chroot` (configuration manual, 3.1 "chroot"). */
const warnsFrom = '3.4';

/** What HAProxy 3.4 warns of only when it starts, never at `haproxy -c`. */
export function checkChroot(
  config: ParsedConfig,
  version: string | undefined,
  runningPid: number | undefined,
): Finding[] {
  if ((compareVersions(version, warnsFrom) ?? -1) < 0) return [];
  const chroot = globalLine(config, 'chroot');
  if (chroot !== undefined)
    return [right('config.chroot', `HAProxy is told what it may see (chroot ${chroot.words[1] ?? ''}).`)];
  if (!isStartedByRoot(config, runningPid)) return [];
  const place = config.sections.find(({ kind }) => kind === 'global');
  const change =
    'add "chroot auto" to global, or "chroot /" to go on without one; what each means stands at "chroot" in the comments of the shipped haproxy.cfg';
  return [wrong('warning', 'config.chroot', 'Root starts HAProxy, and global has no "chroot".', place, change)];
}

/** Only root may become another user; and who is still root was root at the start. */
function isStartedByRoot(config: ParsedConfig, pid: number | undefined): boolean {
  if (['user', 'uid', 'group', 'gid'].some((keyword) => globalLine(config, keyword) !== undefined)) return true;
  if (pid === undefined) return false;
  try {
    // Elsewhere (another container, another machine) the number may be another program's here.
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('haproxy') && statSync(`/proc/${pid}`).uid === 0;
  } catch {
    // It runs elsewhere, or there is no /proc: nothing is known.
    return false;
  }
}
