import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from './child-process';
import { until } from './until';

/** VLC that plays a URL, without a screen and without loudspeakers. */
export interface Vlc {
  /** Pictures that it has shown so far. */
  shown(): Promise<number>;
  stop(): Promise<void>;
}

/** VLC does not run as root: then it runs as nobody. */
const nobody = 65_534;
const asNobody = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--'];

export function startVlc(url: string): Vlc {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-vlc-'));
  const home = join(folder, 'home');
  mkdirSync(home);
  const isRoot = process.getuid?.() === 0;
  const vlc = ['cvlc', '-I', 'rc', '--rc-fake-tty', '--vout', 'vdummy', '--aout', 'adummy', url];
  const [command = '', ...args] = [...(isRoot ? asNobody : []), ...vlc];
  // It has no settings there, and may write none.
  const child = startChild(command, args, { HOME: home, LC_ALL: 'C.UTF-8' });
  const counts = () => child.lines.flatMap((line) => /frames displayed\s*:\s*(\d+)/.exec(line)?.[1] ?? []);

  return {
    async shown() {
      const before = counts().length;
      // What it is asked before it listens is lost: it is asked again.
      const ask = () => {
        child.process.stdin?.write('stats\n');
        const all = counts();
        return all.length > before ? [Number(all.at(-1))] : undefined;
      };
      const [count = 0] = await until('an answer of VLC', ask, 500);
      return count;
    },
    async stop() {
      await child.stop('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
