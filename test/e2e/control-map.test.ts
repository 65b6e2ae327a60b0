import { type ControlLab, type LabNode, startControlLab } from '../support/control-lab';
import { haproxyVersion } from '../support/haproxy';
import { until } from '../support/until';
import { within } from '../support/within';

const by = { reason: 'update', operator: 'ada' };

describe(`HAProxy ${haproxyVersion}: states, weights and map of two HAProxys`, () => {
  let lab: ControlLab;
  let first: LabNode;
  let second: LabNode;
  beforeAll(async () => {
    lab = await startControlLab({ nodes: 2, map: true, weights: 'auto' });
    const [one, two] = lab.nodes;
    if (one === undefined || two === undefined) throw new Error('two HAProxys are needed');
    first = one;
    second = two;
    lab.fleet.server('mtx1').publish('live/a');
    lab.fleet.server('mtx2').publish('live/b');
    await until('weights and map', async () => (await isRight(first, 'mtx1')) && (await isRight(second, 'mtx1')));
    await lab.control.setIntent('mtx3', { kind: 'drain', ...by });
    await first.settled();
    await second.settled();
  });
  afterAll(() => lab.stop());

  const evenWeights = 'mtx1 ready 128, mtx2 ready 128, mtx3';
  /** live/a where it is, and everything else as it was. */
  const isRight = async (node: LabNode, server: string) =>
    (await node.routes()) === `live/a ${server}, live/b mtx2` && (await node.shown()).startsWith(evenWeights);

  it('socket gone and back: the map is right within 2 s, however long it was away, and nothing is said again', async () => {
    lab.changes();
    let holder = 'mtx1';
    await within(
      2000,
      'the map to be right after the socket came back',
      async () => {
        first.socket.breakWith(() => ({ kind: 'refuse' }));
        // Long enough for the pause between two attempts to be a great one.
        const { failures = 0 } = lab.control.pushes[0]?.stats ?? {};
        await until('the push to be told off', () => (lab.control.pushes[0]?.stats.failures ?? 0) > failures + 3);
        holder = holder === 'mtx1' ? 'mtx2' : 'mtx1';
        lab.fleet.move('live/a', holder);
        await until('lb2 to know', () => isRight(second, holder));
        lab.mapCommands();
        first.socket.breakWith(undefined);
        return () => isRight(first, holder);
      },
      2,
    );
    expect(lab.mapCommands()).toEqual(['lb1: show', `lb1: set live/a ${holder}`]);
    expect(lab.changes()).toEqual([]);
    expect(await first.shown()).toContain('mtx3 drain');
  });

  it('one restarted: states, weights and map right within 2 s, one command each; the other hears nothing', async () => {
    const holder = /live\/a (\S+),/.exec(await first.routes())?.[1] ?? '';
    const failures = () => lab.control.pushes[1]?.stats.failures ?? 0;
    let before = 0;
    await within(
      2000,
      'states, weights and map to be right after a restart',
      async () => {
        lab.changes();
        lab.mapCommands();
        before = failures();
        await second.restart();
        return async () => (await isRight(second, holder)) && (await second.shown()).includes('mtx3 drain');
      },
      2,
    );
    const { polls } = lab.control.stats.observer;
    await until('some rounds', () => lab.control.stats.observer.polls > polls + 6);
    expect(lab.changes()).toEqual([
      'lb2: set server mtx/mtx3 state drain',
      'lb2: set server mtx/mtx1 weight 128',
      'lb2: set server mtx/mtx2 weight 128',
    ]);
    const commands = lab.mapCommands();
    const readings = commands.filter((command) => command === 'lb2: show').length;
    expect(commands.filter((command) => command !== 'lb2: show')).toEqual(['lb2: prepare', 'lb2: add', 'lb2: commit']);
    // Where the map was filled before the new process was told from the old one, it is read back once; and after each command that failed.
    expect(readings).toBeLessThanOrEqual(1 + failures() - before);
  });

  it('a route is in the map 50 ms after the directory has it', async () => {
    let number = 0;
    await within(
      50,
      'the route',
      async () => {
        const stream = `live/new-${number++}`;
        const known = new Promise<void>((resolve) => {
          const stop = lab.directory.onRouteChange((changed) => {
            if (changed !== stream) return;
            stop();
            resolve();
          });
        });
        lab.fleet.server('mtx1').publish(stream);
        await known;
        // What arrives at the socket is done by HAProxy in the same millisecond.
        const before = first.socket.count('add map');
        return () => first.socket.count('add map') > before;
      },
      5,
    );
    await until('all routes', async () => (await first.routes()).includes(`live/new-${number - 1} mtx1`));
    for (let each = 0; each < number; each++) lab.fleet.server('mtx1').unpublish(`live/new-${each}`);
    await until('their end', async () => !(await first.routes()).includes('live/new'));
  });

  it('agent restarted: weights that follow load are left alone, nothing is said and the map is read once', async () => {
    await until('the maps to be quiet', () => lab.control.pushes.every((push) => push.view().state === 'right'));
    const told = lab.events.filter(({ type }) => type === 'server.intent').length;
    lab.changes();
    lab.mapCommands();
    await lab.restartControl();
    const { polls } = lab.control.stats.observer;
    await until('some rounds', () => lab.control.stats.observer.polls > polls + 6);
    expect(lab.changes()).toEqual([]);
    expect(lab.mapCommands()).toEqual(['lb1: show', 'lb2: show']);
    expect(lab.events.filter(({ type }) => type === 'server.intent')).toHaveLength(told);
  });

  it('one that has not answered since the agent started stands against safe to stop', async () => {
    second.socket.breakWith(() => ({ kind: 'refuse' }));
    await lab.control.setIntent('mtx3', { kind: 'maint', ...by });
    await lab.restartControl(1);
    await until('mtx3 in maintenance on lb1', async () => (await first.shown()).includes('mtx3 maint'));
    await lab.control.refresh();
    expect(lab.control.servers().find(({ name }) => name === 'mtx3')).toMatchObject({
      safeToStop: false,
      notSafeBecause: 'lb2 has not answered yet',
    });
    second.socket.breakWith(undefined);
    await until('safe to stop', () => lab.control.servers().find(({ name }) => name === 'mtx3')?.safeToStop);
  });

  it('one that hangs: the tables of the other are told in time, and orders go on', async () => {
    second.socket.breakWith((command) => (command.startsWith('show table') ? { kind: 'swallow' } : undefined));
    let answer: Promise<unknown> = Promise.resolve();
    await within(
      3000,
      'what the tables hold',
      () => {
        let isTold = false;
        answer = lab.control.tables('live/b').then((tables) => {
          isTold = true;
          return tables;
        });
        return () => isTold;
      },
      2,
    );
    expect(await answer).toMatchObject([
      { node: 'lb1', route: 'mtx2', error: undefined },
      { node: 'lb2', error: expect.stringContaining('did not answer "show table streams key live/b" within 1000 ms') },
    ]);
    const pending = lab.control.tables('live/b');
    const order = lab.control.setIntent('mtx3', { kind: 'ready', ...by });
    await until('mtx3 ready', async () => (await second.shown()).includes('mtx3 ready'));
    second.socket.breakWith(undefined);
    await Promise.all([pending, order]);
  });
});

it(`HAProxy ${haproxyVersion}: an API that flaps: a handful of changes`, async () => {
  const lab = await startControlLab({ onApiFailure: 'drain' });
  try {
    const isSuspect = () => lab.directory.servers()[0]?.api.health === 'suspect';
    const flaps = 4;
    for (let flap = 0; flap < flaps; flap++) {
      await lab.fleet.server('mtx1').setFault('api', { kind: 'status', status: 500 });
      await until('suspect', isSuspect);
      const { polls } = lab.control.stats.observer;
      await until('a look at it', () => lab.control.stats.observer.polls > polls + 1);
      await lab.fleet.server('mtx1').clearFaults();
      // So long that the first hold-down is over.
      const since = lab.control.stats.observer.polls;
      await until('it to be well for a while', () => lab.control.stats.observer.polls > since + 5);
    }
    const changes = lab.changes();
    expect(changes.length).toBeGreaterThanOrEqual(2);
    expect(changes.length).toBeLessThanOrEqual(5);
    expect(new Set(changes)).toEqual(new Set(['set server mtx/mtx1 state drain', 'set server mtx/mtx1 state ready']));
  } finally {
    await lab.stop();
  }
});
