import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttp, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAdminSocket } from '../../../src/http/open-admin-socket';
import { adminSocketPaths } from '../../../src/wire';
import { type Child, startChild } from '../../support/child-process';
import { until } from '../../support/until';
import { type HttpLab, startHttpLab } from '../api/lab';
import { createRecordingLog } from '../spoe/recording-log';

let folder: string;
let path: string;
const labs: HttpLab[] = [];
const children: Child[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-socket-'));
  path = join(folder, 'run/admin.sock');
});
afterEach(async () => {
  await Promise.all(labs.splice(0).map((lab) => lab.server.stop()));
  await Promise.all(children.splice(0).map((child) => child.stop('SIGKILL')));
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<HttpLab> {
  const lab = await startHttpLab();
  labs.push(lab);
  return lab;
}

/** The status of GET /healthz over a socket, or the system's error. */
function ask(socketPath: string): Promise<number | string> {
  return new Promise((resolve) => {
    const asking = request({ socketPath, path: '/healthz', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asking.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)).end();
  });
}

/** A socket file that nobody listens on any more, as a killed agent leaves it. */
async function leaveStale(): Promise<void> {
  mkdirSync(join(folder, 'run'), { mode: 0o700 });
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = startChild(process.execPath, ['-e', script]);
  children.push(child);
  await until('its socket', () => child.lines.includes('up'));
  await child.stop('SIGKILL');
  expect(lstatSync(path).isSocket()).toBe(true);
}

it('is open to its own user alone, in a folder of its own, and gone with the server', async () => {
  const lab = await start();
  await lab.server.listenForAdmin(path);
  expect(lab.server.adminSocket).toBe(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'run')).mode & 0o777).toBe(0o700);
  expect(await ask(path)).toBe(200);
  await lab.server.stop();
  expect(existsSync(path)).toBe(false);
  expect(lab.server.adminSocket).toBeUndefined();
});

it('leaves the mask for new files as it was', async () => {
  const before = process.umask(0o027);
  try {
    await (await start()).server.listenForAdmin(path);
    expect(process.umask(before)).toBe(0o027);
  } finally {
    process.umask(before);
  }
});

it('replaces what a killed agent left', async () => {
  await leaveStale();
  const lab = await start();
  await lab.server.listenForAdmin(path);
  expect(await ask(path)).toBe(200);
});

it('leaves a running agent its socket', async () => {
  const [first, second] = [await start(), await start()];
  await first.server.listenForAdmin(path);
  await expect(second.server.listenForAdmin(path)).rejects.toThrow(`another program listens on ${path}`);
  await second.server.stop();
  expect(await ask(path)).toBe(200);
});

it('leaves a file that is no socket, and one that another program answers on', async () => {
  mkdirSync(join(folder, 'run'), { mode: 0o700 });
  writeFileSync(path, 'precious');
  const lab = await start();
  await expect(lab.server.listenForAdmin(path)).rejects.toThrow(`${path} is there already, and is no socket`);
  rmSync(path);
  const other = createHttp((_request, response) => response.end('not an agent'));
  await new Promise<void>((resolve) => other.listen(path, resolve));
  await expect(lab.server.listenForAdmin(path)).rejects.toThrow('another program listens');
  await new Promise((resolve) => other.close(resolve));
});

it('is not put where others can write, nor behind a link of theirs', async () => {
  const lab = await start();
  mkdirSync(join(folder, 'open'), { mode: 0o777 });
  chmodSync(join(folder, 'open'), 0o777);
  await expect(lab.server.listenForAdmin(join(folder, 'open/admin.sock'))).rejects.toThrow(
    'can be written by other users',
  );
  symlinkSync(join(folder, 'open'), join(folder, 'link'));
  await expect(lab.server.listenForAdmin(join(folder, 'link/admin.sock'))).rejects.toThrow(
    'can be written by other users',
  );
  writeFileSync(join(folder, 'file'), '');
  await expect(lab.server.listenForAdmin(join(folder, 'file/admin.sock'))).rejects.toThrow(/file is no folder$/);
});

it('says what is wrong with a folder that cannot be made, and does not try for ever', async () => {
  const lab = await start();
  const refusal = (at: string) =>
    lab.server.listenForAdmin(at).then(String, (error: unknown) => (error as Error).message);
  // It is there, yet takes no folders.
  expect(await refusal('/proc/mtxpilot-test/admin.sock')).toBe(
    '/proc/mtxpilot-test cannot be made: the file system takes nothing new there, or a link leads nowhere',
  );
  expect(await refusal('/proc/mtxpilot-test/deeper/admin.sock')).toMatch(
    /^\/proc\/mtxpilot-test\/deeper cannot be made: /,
  );
  expect(await refusal('/dev/null/mtxpilot-test/admin.sock')).toMatch(
    / cannot be made: a part of the path is no folder$/,
  );
  symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'));
  expect(await refusal(join(folder, 'dangling/admin.sock'))).toMatch(/ cannot be made: .*a link leads nowhere$/);
  symlinkSync('circle', join(folder, 'circle'));
  expect(await refusal(join(folder, 'circle/admin.sock'))).toMatch(/ cannot be made: a link leads to itself$/);
  const long = join(folder, 'x'.repeat(120), 'admin.sock');
  expect(await refusal(long)).toBe(`${long} cannot be made: the path is longer than 107 bytes`);
  // None of that keeps it from a place that can be.
  await lab.server.listenForAdmin(join(folder, 'made/as well/admin.sock'));
  expect(await ask(join(folder, 'made/as well/admin.sock'))).toBe(200);
});

describe('the setting', () => {
  const env = () => ({ XDG_RUNTIME_DIR: folder });

  it('off: none', async () => {
    const lab = await start();
    await openAdminSocket(lab.server, null, env(), createRecordingLog().log);
    expect(lab.server.adminSocket).toBeUndefined();
  });

  it('a path that cannot be is an error that names the setting', async () => {
    writeFileSync(join(folder, 'file'), '');
    const lab = await start();
    await expect(
      openAdminSocket(lab.server, { path: join(folder, 'file/deeper/x.sock') }, env(), createRecordingLog().log),
    ).rejects.toThrow(/^http\.adminSocket: .* cannot be made: /);
  });

  it('auto: the first place that works', async () => {
    const tried: string[] = [];
    const listenForAdmin = (at: string) => {
      tried.push(at);
      return at.startsWith('/run/') ? Promise.reject(new Error('no')) : Promise.resolve();
    };
    await openAdminSocket({ listenForAdmin }, 'auto', env(), createRecordingLog().log);
    expect(tried).toEqual(['/run/mtxpilot/admin.sock', join(folder, 'mtxpilot/admin.sock')]);
  });

  it('auto: where nothing works, the agent runs without, and says why', async () => {
    const { log, lines } = createRecordingLog();
    await openAdminSocket({ listenForAdmin: () => Promise.reject(new Error('no')) }, 'auto', env(), log);
    expect(lines).toEqual(['warn no admin socket: changes need the token; http.adminSocket sets another place']);
  });

  it('auto: temporary folders that cannot be used are no end', async () => {
    const { log, lines } = createRecordingLog();
    const lab = await start();
    // Whether this user may write to /run is not what is tested.
    const listenForAdmin = (at: string) =>
      at.startsWith('/run/') ? Promise.reject(new Error('no')) : lab.server.listenForAdmin(at);
    await openAdminSocket({ listenForAdmin }, 'auto', { XDG_RUNTIME_DIR: '/proc', TMPDIR: '/proc' }, log);
    expect(lines).toEqual(['warn no admin socket: changes need the token; http.adminSocket sets another place']);
    expect(lab.server.adminSocket).toBeUndefined();
    await openAdminSocket({ listenForAdmin }, 'auto', { XDG_RUNTIME_DIR: '/proc', TMPDIR: folder }, log);
    expect(lab.server.adminSocket).toBe(join(folder, `mtxpilot-${process.getuid?.()}/admin.sock`));
  });

  it('auto: a running agent keeps its place, and no other is taken', async () => {
    const first = await start();
    const second = await start();
    await first.server.listenForAdmin(path);
    const tried: string[] = [];
    const listenForAdmin = (at: string) => {
      tried.push(at);
      return second.server.listenForAdmin(path);
    };
    await openAdminSocket({ listenForAdmin }, 'auto', env(), createRecordingLog().log);
    expect(tried).toHaveLength(1);
  });

  it('the places are the same for whoever asks with the same environment', () => {
    const own = `mtxpilot-${process.getuid?.()}/admin.sock`;
    expect(adminSocketPaths({})).toEqual(['/run/mtxpilot/admin.sock', join('/tmp', own)]);
    expect(adminSocketPaths({ TMPDIR: '/var/tmp/', XDG_RUNTIME_DIR: '/run/user/7' })).toEqual([
      '/run/mtxpilot/admin.sock',
      '/run/user/7/mtxpilot/admin.sock',
      join('/var/tmp', own),
    ]);
    // Relative, it would be another one for the command line.
    expect(adminSocketPaths({ XDG_RUNTIME_DIR: 'relative', TMPDIR: 'relative' })).toEqual(adminSocketPaths({}));
  });
});
