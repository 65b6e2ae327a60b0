import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { haproxyBin, haproxyVersion, startHaproxy } from '../support/haproxy';
import { takeLoopbackBlock } from '../support/loopback-block';

describe(`HAProxy ${haproxyVersion}: what README's second step copies`, () => {
  let folder: string;
  let config: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mtxpilot-copied-'));
    const [, copy = ''] = /^ +(cp .* \/etc\/haproxy\/)$/m.exec(readFileSync('README.md', 'utf8')) ?? [];
    expect(copy).toContain('haproxy/');
    mkdirSync(join(folder, 'etc'));
    execFileSync('sh', ['-ec', copy.replace('/etc/haproxy/', join(folder, 'etc'))]);
    config = join(folder, 'etc/haproxy.cfg');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['spoe', 'lua'])('is a whole configuration with MTX_BRIDGE=%s', (bridge) => {
    const env = { ...process.env, MTX_BRIDGE: bridge, MTX_LUA: undefined };
    // It throws, with HAProxy's reasons, unless the exit code is 0.
    execFileSync(haproxyBin, ['-c', '-f', config], { env, stdio: 'pipe' });
  });

  const asRoot = process.getuid?.() === 0 ? it : it.skip;
  asRoot("with its hints about Debian's user, HAProxy is not root, and the socket is open to the group", async () => {
    const shipped = readFileSync(config, 'utf8');
    const [, , access = ''] = /(#[^\n]*`(user [^`]+)`[^\n]*\n) *stats socket/.exec(shipped) ?? [];
    expect(access).toContain('mode 660');
    const hinted = shipped
      .replace('# user haproxy\n', 'user haproxy\n')
      .replace('# group haproxy\n', 'group haproxy\n')
      .replace(/^( +stats socket \S+) mode 660/m, `$1 ${access}`);
    writeFileSync(config, hinted);

    const block = await takeLoopbackBlock();
    const haproxy = await startHaproxy({ bind: `${block.address(1)}:8080`, servers: [], config });
    try {
      const pid = /^Pid: (\d+)$/m.exec(await haproxy.runtime('show info'))?.[1] ?? '';
      const uid = Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
      const idOf = (flag: string) => Number(execFileSync('id', [flag, 'haproxy'], { encoding: 'utf8' }));
      expect(uid).toBe(idOf('-u'));
      const socket = statSync(haproxy.socket);
      expect({ uid: socket.uid, gid: socket.gid, mode: socket.mode & 0o777 }).toEqual({
        uid: idOf('-u'),
        gid: idOf('-g'),
        mode: 0o660,
      });
    } finally {
      await haproxy.stop();
      await block.release();
    }
  });
});
