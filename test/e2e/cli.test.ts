import { spawn } from 'node:child_process';
import { type Child, startChild } from '../support/child-process';
import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { until } from '../support/until';

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe(`HAProxy ${haproxyVersion}: the command line`, () => {
  let lab: Lab;
  const children: Child[] = [];

  beforeEach(async () => {
    lab = await startLab({ push: true, agentConfig: { viewers: { goneAfter: '1s' } } });
    lab.fleet.server('mtx1').publish('live/a');
    lab.fleet.server('mtx2').publish('live/b');
    await lab.located('live/a', 'mtx1');
    await lab.located('live/b', 'mtx2');
  });
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.stop('SIGKILL')));
    await lab.stop();
  });

  const environment = () => ({ MTXPILOT_HTTP_ADMIN_SOCKET: lab.agent.adminSocket });
  const start = (...args: string[]): Child => {
    const child = startChild(process.execPath, ['dist/cli/main.js', ...args], environment());
    children.push(child);
    return child;
  };
  const run = (...args: string[]): Promise<Ran> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
        env: { ...process.env, ...environment() },
      });
      const text = { out: '', err: '' };
      child.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
      child.once('close', (code) => resolve({ code, ...text }));
    });
  const administrative = async (server: string) => {
    const states = await lab.haproxy.runtime('show servers state mtx');
    return states
      .split('\n')
      .find((line) => line.split(' ')[3] === server)
      ?.split(' ')[6];
  };
  const plays = async (stream: string) => {
    const player = lab.player(stream);
    expect(await player.load()).toBe(200);
    expect(await player.round()).toBe(200);
    return player;
  };

  it('answers questions about what runs', async () => {
    await plays('live/a');
    expect(await run('where', 'live/a')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/live\/a +located +mtx1/) as string,
    });
    expect(await run('where', 'live/none')).toMatchObject({ code: 1 });
    expect((await run('streams')).out).toMatch(/live\/a +mtx1 .*\nlive\/b +mtx2 /);
    expect(await run('servers')).toMatchObject({ code: 0, err: '' });
    expect((await run('complete', '--', 'why', 'live/')).out).toBe('live/a\nlive/b\n');
    const why = await until('why to tell of the viewer', async () => {
      const ran = await run('why', 'live/a');
      return ran.out.includes('1 on mtx1') && ran;
    });
    expect(why).toMatchObject({ code: 0, err: '' });
    expect(why.out).toMatch(
      /^live\/a is located: mtx1\nWhy: mtx1 has live\/a live, and nobody else has \(rule only-holder\)\.\n/,
    );
    expect(why.out).toMatch(
      /What HAProxy holds\n {2}haproxy: routes\.map names mtx1; the last that answered was mtx1; sessions: 1 on mtx1\.\n/,
    );
    expect(why.out).toMatch(/The next viewer is sent to mtx1: routes\.map names it, so HAProxy need not ask\.\n/);
    await lab.haproxy.runtime('set server mtx_agent/agent1 state maint');
    expect((await run('why', 'live/a')).out).toMatch(
      /The next viewer comes while HAProxy has no agent that is up: none is asked, .* HAProxy goes to mtx1, the last that answered/,
    );
    await lab.haproxy.runtime('set server mtx_agent/agent1 state ready');
  });

  it('drains: viewers stay, others go elsewhere, --wait ends when it is safe to stop', async () => {
    const player = await plays('live/b');
    const drain = start('drain', 'mtx2', '--reason', 'kernel', '--operator', 'alice', '--wait');
    await until('HAProxy to drain it', async () => (await administrative('mtx2')) === '8');
    await until('the viewer to be counted', async () => {
      // Whoever stops asking is gone a second later.
      expect(await player.round()).toBe(200);
      return drain.lines.some((line) => line.includes('1 viewer left'));
    });
    expect(drain.process.exitCode).toBeNull();
    expect((await run('servers')).out).toMatch(/mtx2 .* drain +drain .*drain by alice: kernel/);

    // The publisher moves to another server, and the viewer leaves.
    lab.fleet.server('mtx3').publish('live/b');
    lab.fleet.server('mtx2').unpublish('live/b');
    expect(await drain.exited).toBe(0);
    expect(drain.lines.at(-1)).toBe('mtx2 is safe to stop');

    expect((await run('ready', 'mtx2', '--reason', 'done')).code).toBe(0);
    await until('HAProxy to use it', async () => (await administrative('mtx2')) === '0');
    const { out } = await run('events', '--type', 'server.intent');
    expect(out).toMatch(/mtx2 +drain by alice: kernel\n.*mtx2 +ready by .*: done\n$/);
  });

  it('--wait ends with 4 at its time-out, and with 130 at Ctrl-C; the drain stays', async () => {
    expect(await run('drain', 'mtx1', '--wait', '--timeout', '10ms')).toMatchObject({
      code: 4,
      err: expect.stringMatching(/^mtxpilot: mtx1 is not safe to stop: /) as string,
    });
    const waiting = start('drain', 'mtx1', '--wait');
    await until('it to wait', () => waiting.lines.some((line) => line.startsWith('waiting:')));
    waiting.process.kill('SIGINT');
    expect(await waiting.exited).toBe(130);
    expect(await administrative('mtx1')).toBe('8');
  });

  it('takes a server out at the deadline of its drain', async () => {
    expect((await run('drain', 'mtx3', '--deadline', '1s')).code).toBe(0);
    await until('maintenance', async () => (await administrative('mtx3')) === '1');
    expect((await run('servers')).out).toMatch(/mtx3 .*maint +maint/);
  });

  it('moves a stream, tells it, and clears it', async () => {
    lab.fleet.server('mtx3').publish('live/a');
    await lab.located('live/a', 'mtx3');
    expect(await run('move', 'live/a', 'mtx2')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^mtxpilot: That server does not have the stream: mtx2 /) as string,
    });
    expect((await run('move', 'live/a', 'mtx1', '--operator', 'bob', '--reason', 'load')).code).toBe(0);
    await lab.located('live/a', 'mtx1');
    expect((await run('move')).out).toMatch(/live\/a +mtx1 +bob +\S+ +load\n$/);
    expect((await run('why', 'live/a')).out).toMatch(/It was moved to mtx1 by bob at .* \(load\)\./);
    expect((await run('move', 'live/a', '--clear')).code).toBe(0);
    await lab.located('live/a', 'mtx3');
  });

  it('follows events over a restart of the agent, until Ctrl-C', async () => {
    const following = start('events', '--follow', '--json');
    await until('the first events', () => following.lines.length > 0);
    const socket = lab.agent.adminSocket;
    await run('drain', 'mtx3');
    const seen = (type: string) => following.lines.filter((line) => line.includes(`"type":"${type}"`));
    await until('the drain', () => seen('server.intent').length === 1);
    const events = following.lines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { id: string });
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    lab.agent.child.process.kill('SIGTERM');
    await until('it to notice', () =>
      following.lines.some((line) => line.includes(`${socket} ended the stream of events; trying again`)),
    );
    following.process.kill('SIGINT');
    expect(await following.exited).toBe(0);
  });

  it('shows a live view on a terminal, and leaves the terminal as it was', async () => {
    // `exec`, because a shell that stays in between has an exit code of its own for Ctrl-C.
    const args = ['-qefc', `exec ${process.execPath} dist/cli/main.js servers --watch`, '/dev/null'];
    const terminal = spawn('script', args, { env: { ...process.env, ...environment(), TERM: 'xterm' } });
    let text = '';
    terminal.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await until('the view', () => text.includes('mtx3'));
    await run('drain', 'mtx3', '--reason', 'seen at once');
    await until('the change', () => text.includes('seen at once'));
    // As the terminal does at Ctrl-C.
    terminal.stdin.write('\u0003');
    expect(await new Promise((resolve) => terminal.once('exit', resolve))).toBe(0);
    expect(text.startsWith('\u001b[?1049h')).toBe(true);
    expect(text.endsWith('\u001b[?7h\u001b[?25h\u001b[?1049l')).toBe(true);
  });

  it('tells that nobody is there, with 3', async () => {
    await lab.agent.stop();
    const { code, err } = await run('servers', '--socket', lab.agent.adminSocket);
    expect(code).toBe(3);
    expect(err).toMatch(/^mtxpilot: no agent at .*: no such socket/);
  });
});
