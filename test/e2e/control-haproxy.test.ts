import { type ControlLab, startControlLab } from '../support/control-lab';
import { haproxyVersion } from '../support/haproxy';
import { until } from '../support/until';

const by = { reason: 'update', operator: 'ada' };

describe(`HAProxy ${haproxyVersion}: control of one HAProxy`, () => {
  let lab: ControlLab;
  beforeEach(async () => {
    lab = await startControlLab();
    await shows('mtx1 ready 1, mtx2 ready 1, mtx3 ready 1');
    lab.changes();
  });
  afterEach(() => lab.stop());

  const node = () => {
    const [first] = lab.nodes;
    if (first === undefined) throw new Error('no HAProxy');
    return first;
  };
  const shows = (expected: string) => until(expected, async () => (await node().shown()) === expected);
  const server = (name: string) => {
    const found = lab.control.servers().find((each) => each.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  };
  /** Some rounds in which nothing is done. */
  const rounds = async (count: number) => {
    const goal = lab.control.stats.observer.polls + count;
    await until(`${count} rounds`, () => lab.control.stats.observer.polls >= goal);
  };
  /** Viewers that HAProxy remembers: a request each, of its own path. */
  const watch = async (count: number) => {
    for (let i = 0; i < count; i++) await (await fetch(`${node().haproxy.url}/live/${i}/index.m3u8`)).arrayBuffer();
  };

  it('viewers are those of the server by name, also after a reload that numbers the servers anew', async () => {
    await watch(4);
    const viewers = async () => {
      await lab.control.refresh();
      return lab.control.servers().map(({ name, nodes }) => `${name} ${nodes[0]?.viewers}`);
    };
    const kept = async () => {
      const table = await node().haproxy.runtime('show table sessions');
      return [...table.matchAll(/server_key=(\S+)/g)].map(([, name]) => name).sort();
    };
    expect((await viewers()).sort()).toEqual(['mtx1 2', 'mtx2 1', 'mtx3 1']);
    lab.reverseServers();
    await node().haproxy.reload();
    await until(
      'the servers in their new order',
      async () => (await viewers()).join(', ') === 'mtx3 1, mtx2 1, mtx1 2',
    );
    await lab.control.setIntent('mtx3', { kind: 'maint', ...by });
    await until('its viewer to be forgotten', async () => (await kept()).join(' ') === 'mtx1 mtx1 mtx2');
    expect(lab.changes()).toEqual(['set server mtx/mtx3 state maint']);
  });

  it('drain, maint, ready: the state in HAProxy when the order is answered, one command each', async () => {
    await node().settled();
    const drained = await lab.control.setIntent('mtx1', { kind: 'drain', ...by });
    expect(await node().shown()).toBe('mtx1 drain 1, mtx2 ready 1, mtx3 ready 1');
    expect(drained).toMatchObject({
      ok: true,
      value: { wanted: 'drain', because: 'ada: update', viewersLeft: 0 },
    });
    // At the first look after it is old enough.
    await until('safe to stop', () => server('mtx1').safeToStop);
    expect(server('mtx1').notSafeBecause).toBe('');
    await lab.control.setIntent('mtx1', { kind: 'maint', ...by });
    expect(await node().shown()).toBe('mtx1 maint 1, mtx2 ready 1, mtx3 ready 1');
    expect(lab.directory.servers()[0]?.administrative).toBe('maint');
    const ready = await lab.control.setIntent('mtx1', { kind: 'ready', ...by });
    expect(await node().shown()).toBe('mtx1 ready 1, mtx2 ready 1, mtx3 ready 1');
    expect(ready).toMatchObject({ ok: true, value: { wanted: 'ready', safeToStop: false } });
    await rounds(3);
    expect(lab.changes()).toEqual([
      'set server mtx/mtx1 state drain',
      'set server mtx/mtx1 state maint',
      'clear table sessions data.server_id eq 1',
      'clear table streams data.server_id eq 1',
      'set server mtx/mtx1 state ready',
    ]);
    expect(lab.events.filter(({ type }) => type === 'server.intent').map(({ data }) => data?.['kind'])).toEqual([
      'drain',
      'maint',
      'ready',
    ]);
    // An administrative state is no failure.
    expect(lab.events.filter(({ type }) => type === 'server.down' || type === 'server.up')).toEqual([]);
  });

  it('a drain with a deadline turns to maint', async () => {
    await lab.control.setIntent('mtx2', { kind: 'drain', deadlineMs: 1500, ...by });
    await shows('mtx1 ready 1, mtx2 drain 1, mtx3 ready 1');
    await shows('mtx1 ready 1, mtx2 maint 1, mtx3 ready 1');
    await until('the view', () => server('mtx2').nodes[0]?.administrative === 'maint');
    expect(server('mtx2').because).toBe('the deadline of the drain has passed; ada: update');
    expect(lab.events.at(-1)).toMatchObject({ type: 'server.intent', evidence: 'agent', data: { kind: 'maint' } });
  });

  it.each<[string, string, Parameters<ControlLab['control']['setIntent']>[1], string, string]>([
    [
      'an unknown server',
      'mtx9',
      { kind: 'drain', ...by },
      'no-such-server',
      'there is no server "mtx9", there are mtx1, mtx2, mtx3',
    ],
    [
      'no reason',
      'mtx1',
      { kind: 'drain', reason: ' ', operator: 'ada' },
      'bad-request',
      'reason: one line of 1 to 200 characters is needed',
    ],
    [
      'an operator of two lines',
      'mtx1',
      { kind: 'drain', reason: 'x', operator: 'a\nb' },
      'bad-request',
      'operator: one line of 1 to 64 characters is needed',
    ],
    [
      'a deadline for maint',
      'mtx1',
      { kind: 'maint', ...by, deadlineMs: 5000 },
      'bad-request',
      'deadline: only a drain can have one, not maint',
    ],
    [
      'a deadline in the past',
      'mtx1',
      { kind: 'drain', ...by, deadlineMs: -1 },
      'bad-request',
      'deadline: -1 ms is not allowed, from 1 s to 7 days is',
    ],
  ])('refuses %s', async (_, name, wish, kind, message) => {
    expect(await lab.control.setIntent(name, wish)).toEqual({ ok: false, problem: { kind, message } });
    expect(lab.changes()).toEqual([]);
  });

  it('reloaded: set again at once, nothing twice', async () => {
    await lab.control.setIntent('mtx1', { kind: 'drain', ...by });
    await lab.control.setIntent('mtx2', { kind: 'maint', ...by });
    lab.changes();
    await node().haproxy.reload();
    await shows('mtx1 drain 1, mtx2 maint 1, mtx3 ready 1');
    await rounds(3);
    expect(lab.changes()).toEqual([
      'set server mtx/mtx1 state drain',
      'set server mtx/mtx2 state maint',
      'clear table sessions data.server_id eq 2',
      'clear table streams data.server_id eq 2',
    ]);
    expect(lab.events.filter(({ type }) => type === 'haproxy.reloaded')).toMatchObject([{ data: { node: 'lb1' } }]);
    expect(lab.control.stats.observer.reloads).toBe(1);
  });

  it('restarted: gone for a while, then set again, nothing twice', async () => {
    await lab.control.setIntent('mtx3', { kind: 'drain', ...by });
    lab.changes();
    await node().end();
    await until('the socket to be missed', () => lab.control.stats.observer.failures >= 2);
    expect(server('mtx3').wanted).toBe('drain');
    await node().restart();
    await shows('mtx1 ready 1, mtx2 ready 1, mtx3 drain 1');
    await rounds(3);
    expect(lab.changes()).toEqual(['set server mtx/mtx3 state drain']);
  });

  it('socket gone and back: nothing is said again', async () => {
    await lab.control.setIntent('mtx3', { kind: 'drain', ...by });
    lab.changes();
    node().socket.breakWith(() => ({ kind: 'refuse' }));
    await until('the socket to be missed', () => lab.control.stats.observer.failures >= 3);
    // An order meanwhile is kept, and carried out as soon as HAProxy can be asked.
    const order = lab.control.setIntent('mtx1', { kind: 'drain', ...by });
    expect(await order).toMatchObject({ ok: true, value: { wanted: 'drain', safeToStop: false } });
    node().socket.breakWith(undefined);
    await shows('mtx1 drain 1, mtx2 ready 1, mtx3 drain 1');
    await rounds(3);
    expect(lab.changes()).toEqual(['set server mtx/mtx1 state drain']);
  });

  it('agent restarted: intents kept, nothing said again, also after HAProxy was restarted meanwhile', async () => {
    await lab.control.setIntent('mtx1', { kind: 'drain', ...by });
    lab.changes();
    await lab.restartControl();
    await rounds(3);
    expect(lab.changes()).toEqual([]);
    expect(server('mtx1')).toMatchObject({ wanted: 'drain', because: 'ada: update', intent: { operator: 'ada' } });

    await lab.control.stop();
    await node().restart();
    await lab.restartControl();
    await shows('mtx1 drain 1, mtx2 ready 1, mtx3 ready 1');
    expect(lab.changes()).toEqual(['set server mtx/mtx1 state drain']);
  });

  it('a hand is respected and shown, over a restart of the agent as well, until an intent overrides it', async () => {
    await lab.control.setIntent('mtx1', { kind: 'drain', ...by });
    lab.changes();
    // In a process that has just come up, a difference is taken for a command that went to its predecessor.
    await until('the process to be settled', async () =>
      /Uptime_sec: ([4-9]|\d\d)/.test(await node().haproxy.runtime('show info')),
    );
    await node().haproxy.runtime('set server mtx/mtx1 state ready');
    await node().haproxy.runtime('set server mtx/mtx2 state maint');
    await until(
      'the hands to be seen',
      () => server('mtx1').wanted === 'external' && server('mtx2').wanted === 'external',
    );
    await rounds(3);
    expect(server('mtx2').because).toBe(
      'somebody else set it to maint; it is left alone until an intent overrides that',
    );
    expect(lab.control.stats.external).toBe(2);

    await lab.restartControl();
    await rounds(3);
    expect([server('mtx1').wanted, server('mtx2').wanted]).toEqual(['external', 'external']);
    expect(await node().shown()).toBe('mtx1 ready 1, mtx2 maint 1, mtx3 ready 1');
    expect(lab.changes()).toEqual([]);

    await lab.control.setIntent('mtx1', { kind: 'maint', ...by });
    await lab.control.setIntent('mtx2', { kind: 'ready', ...by });
    expect(await node().shown()).toBe('mtx1 maint 1, mtx2 ready 1, mtx3 ready 1');
    expect([server('mtx1').wanted, server('mtx2').wanted]).toEqual(['maint', 'ready']);
  });

  it('a dynamic server is picked up, and forgotten when it is gone', async () => {
    const address = lab.fleet.servers[0]?.address ?? '';
    await node().haproxy.runtime(`add server mtx/extra ${address}:8888`);
    await node().haproxy.runtime('enable server mtx/extra');
    await until('extra', () => lab.control.servers().some(({ name }) => name === 'extra'));
    await lab.control.setIntent('extra', { kind: 'maint', ...by });
    expect(await node().shown()).toBe('mtx1 ready 1, mtx2 ready 1, mtx3 ready 1, extra maint 1');
    await node().haproxy.runtime('del server mtx/extra');
    await until('extra gone', () => !lab.control.servers().some(({ name }) => name === 'extra'));
    expect(lab.directory.servers().map(({ name }) => name)).toEqual(['mtx1', 'mtx2', 'mtx3']);
  });

  it('viewers left: counted while it drains, cleared by maint; a stream that lives only there is no reason to stop', async () => {
    lab.fleet.server('mtx1').publish('live/only');
    await until('the stream', () => lab.directory.stream('live/only') !== undefined);
    await watch(9);
    const drained = await lab.control.setIntent('mtx1', { kind: 'drain', ...by });
    if (!drained.ok) throw new Error(drained.problem.message);
    expect(drained.value).toMatchObject({
      viewersLeft: 3,
      safeToStop: false,
      onlyHere: ['live/only'],
      onlyHereCount: 1,
    });
    expect(drained.value.notSafeBecause).toBe('3 viewers watch from it');
    expect(drained.value.nodes).toEqual([
      { node: 'lb1', operational: 'UP', administrative: 'drain', weight: 1, viewers: 3 },
    ]);
    const maint = await lab.control.setIntent('mtx1', { kind: 'maint', ...by });
    if (!maint.ok) throw new Error(maint.problem.message);
    expect(maint.value).toMatchObject({ viewersLeft: 0, safeToStop: false });
    expect(maint.value.notSafeBecause).toBe('a stream lives only there: live/only');
    lab.fleet.move('live/only', 'mtx2');
    await until('safe to stop', () => server('mtx1').safeToStop);
    expect(server('mtx1').onlyHereCount).toBe(0);
    // The other servers' viewers are where they were.
    expect([server('mtx2').viewersLeft, server('mtx3').viewersLeft]).toEqual([3, 3]);
  });
});

describe(`HAProxy ${haproxyVersion}: two HAProxys`, () => {
  let lab: ControlLab;
  beforeAll(async () => {
    lab = await startControlLab({ nodes: 2 });
  });
  afterAll(() => lab.stop());
  const shown = () => Promise.all(lab.nodes.map((node) => node.shown()));

  it('get the same, and each what it lost', async () => {
    await lab.control.setIntent('mtx1', { kind: 'drain', ...by });
    expect(await shown()).toEqual(Array(2).fill('mtx1 drain 1, mtx2 ready 1, mtx3 ready 1'));
    expect(lab.changes()).toEqual(['lb1: set server mtx/mtx1 state drain', 'lb2: set server mtx/mtx1 state drain']);

    await lab.nodes[1]?.restart();
    await until('lb2 to be as before', async () => (await shown())[1] === 'mtx1 drain 1, mtx2 ready 1, mtx3 ready 1');
    const polls = lab.control.stats.observer.polls;
    await until('some rounds', () => lab.control.stats.observer.polls > polls + 6);
    expect(lab.changes()).toEqual(['lb2: set server mtx/mtx1 state drain']);
  });

  it('a server that is UP on one is UP; one HAProxy that is gone holds nobody up', async () => {
    const [first, second] = lab.nodes;
    if (first === undefined || second === undefined) throw new Error('no HAProxy');
    await lab.control.setIntent('mtx1', { kind: 'drain', ...by });
    await first.haproxy.runtime(`set server mtx/mtx3 addr ${lab.block.address(99)} port 8888`);
    await until('DOWN on lb1', () => lab.control.servers().at(2)?.nodes[0]?.operational === 'DOWN');
    expect(lab.directory.servers()[2]?.operational).toBe('UP');

    second.socket.breakWith(() => ({ kind: 'refuse' }));
    const { failures = 0 } = lab.control.stats.nodes.get('lb2') ?? {};
    await until('lb2 to be missed', () => (lab.control.stats.nodes.get('lb2')?.failures ?? 0) > failures);
    lab.changes();
    const order = await lab.control.setIntent('mtx2', { kind: 'drain', ...by });
    expect(order).toMatchObject({ ok: true, value: { wanted: 'drain', safeToStop: false } });
    expect(order.ok && order.value.because).toMatch(/^ada: update; not yet applied on lb2 \(/);
    expect((await shown())[0]).toBe('mtx1 drain 1, mtx2 drain 1, mtx3 ready 1');
    second.socket.breakWith(undefined);
    await until('lb2 to follow', async () => (await shown())[1] === 'mtx1 drain 1, mtx2 drain 1, mtx3 ready 1');
    expect(lab.changes()).toEqual(['lb1: set server mtx/mtx2 state drain', 'lb2: set server mtx/mtx2 state drain']);
  });
});

describe(`HAProxy ${haproxyVersion}: automatic states`, () => {
  it('an API that fails is drained, made ready when it answers again; three of four: the guard holds', async () => {
    const lab = await startControlLab({ servers: 4, onApiFailure: 'drain' });
    try {
      const shown = () => lab.nodes[0]?.shown();
      await lab.fleet.server('mtx1').setFault('api', { kind: 'status', status: 500 });
      const one = 'mtx1 drain 1, mtx2 ready 1, mtx3 ready 1, mtx4 ready 1';
      await until(one, async () => (await shown()) === one);
      await lab.fleet.server('mtx2').setFault('api', { kind: 'status', status: 500 });
      const two = 'mtx1 drain 1, mtx2 drain 1, mtx3 ready 1, mtx4 ready 1';
      await until(two, async () => (await shown()) === two);
      await lab.fleet.server('mtx3').setFault('api', { kind: 'status', status: 500 });
      await until('the guard', () => lab.control.stats.heldBack === 1);
      expect(await shown()).toBe(two);
      expect(lab.control.servers().at(2)?.because).toBe(
        'its Control API does not answer; not drained, because 2 of 4 servers are out already',
      );
      // A restarted agent knows nothing of the APIs yet, and undoes nothing.
      lab.changes();
      await lab.restartControl();
      await until('the guard again', () => lab.control.stats.heldBack === 1);
      expect(lab.changes()).toEqual([]);

      for (const { name } of lab.fleet.servers) await lab.fleet.server(name).clearFaults();
      const all = 'mtx1 ready 1, mtx2 ready 1, mtx3 ready 1, mtx4 ready 1';
      await until(all, async () => (await shown()) === all);
      expect(lab.changes()).toHaveLength(2);
      const told = lab.events.map(({ type, server, data }) => [type, server, data?.['kind']].filter(Boolean).join(' '));
      expect(told).toEqual(
        expect.arrayContaining(['server.suspect mtx1', 'server.intent mtx1 drain', 'server.intent mtx1 ready']),
      );
    } finally {
      await lab.stop();
    }
  });

  it('weights follow load, and are not repeated; drained servers keep theirs', async () => {
    const lab = await startControlLab({ weights: 'auto' });
    try {
      const shown = () => lab.nodes[0]?.shown();
      const even = 'mtx1 ready 128, mtx2 ready 128, mtx3 ready 128';
      await until(even, async () => (await shown()) === even);
      await lab.control.setIntent('mtx2', { kind: 'drain', ...by });
      const polls = lab.control.stats.observer.polls;
      await until('some rounds', () => lab.control.stats.observer.polls > polls + 6);
      expect(lab.changes()).toEqual([
        'set server mtx/mtx1 weight 128',
        'set server mtx/mtx2 weight 128',
        'set server mtx/mtx3 weight 128',
        'set server mtx/mtx2 state drain',
      ]);
      await lab.nodes[0]?.haproxy.reload();
      const again = 'mtx1 ready 128, mtx2 drain 1, mtx3 ready 128';
      await until(again, async () => (await shown()) === again);
      await lab.control.setIntent('mtx2', { kind: 'ready', ...by });
      expect(await shown()).toBe(even);
    } finally {
      await lab.stop();
    }
  });

  it('tells of servers that go down and come up', async () => {
    const lab = await startControlLab();
    try {
      // A process that is younger than its checks takes every server for UP.
      await until('HAProxy to have settled', async () =>
        /Uptime_sec: ([6-9]|\d\d)/.test((await lab.nodes[0]?.haproxy.runtime('show info')) ?? ''),
      );
      const [polls] = [lab.control.stats.observer.polls];
      await until('a round', () => lab.control.stats.observer.polls > polls + 1);
      await lab.fleet.server('mtx1').kill();
      await until('server.down', () =>
        lab.events.some(({ type, server }) => type === 'server.down' && server === 'mtx1'),
      );
      await lab.fleet.server('mtx1').restart();
      await until('server.up', () => lab.events.some(({ type, server }) => type === 'server.up' && server === 'mtx1'));
      expect(lab.events.filter(({ type }) => /^server\.(up|down)$/.test(type))).toHaveLength(2);
    } finally {
      await lab.stop();
    }
  });
});
