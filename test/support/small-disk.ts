import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of 1 MiB of the test's own. */
export interface SmallDisk {
  readonly folder: string;
  /** Leaves no byte. */
  fill(): void;
  /** Takes away what `fill` wrote. */
  free(): void;
  /** Unmounts it, as soon as nothing on it is open. */
  remove(): void;
}

/** @throws Error where mounting is not allowed. */
export function mountSmallDisk(): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  const filling = join(folder, 'filling');
  return {
    folder,
    fill() {
      try {
        for (;;) writeFileSync(filling, Buffer.alloc(4096), { flag: 'a' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    },
    free: () => rmSync(filling, { force: true }),
    remove() {
      execFileSync('umount', ['--lazy', folder], { stdio: 'pipe' });
      rmSync(folder, { recursive: true });
    },
  };
}

/** Why no disk can be mounted here; undefined where it can. */
export function whyNoSmallDisk(): string | undefined {
  try {
    mountSmallDisk().remove();
    return undefined;
  } catch (error) {
    const [, reason = 'mounting is not allowed'] = (error as Error).message.split('\n');
    return reason;
  }
}
