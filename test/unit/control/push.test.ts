import fc from 'fast-check';
import type { RoutePush } from '../../../src/control/push';
import { isStreamName } from '../../../src/mediamtx';
import { until } from '../../support/until';
import { createPushLab as createLab } from './push-lab';

const pushes: RoutePush[] = [];

function createPushLab(...args: Parameters<typeof createLab>) {
  const lab = createLab(...args);
  pushes.push(lab.push);
  return lab;
}

afterEach(async () => {
  for (const push of pushes.splice(0)) await push.stop();
});

/** Starts, and waits until everything has been sent. */
async function started(...args: Parameters<typeof createLab>) {
  const lab = createPushLab(...args);
  lab.push.start();
  await until('the map to be right', lab.isIdle, 1);
  return lab;
}

describe('filling', () => {
  it('an empty map is filled in one step', async () => {
    const lab = await started({}, { 'live/a': 'mtx1', 'live/b': 'mtx2' });
    expect(lab.lookups()).toEqual({ 'live/a': 'mtx1', 'live/b': 'mtx2' });
    expect(lab.orders()).toEqual(['prepare map routes.map', 'add map @1 routes.map', 'commit map @1 routes.map']);
  });

  it('a map that is right is left alone', async () => {
    const lab = await started({ 'live/a': 'mtx1' }, { 'live/a': 'mtx1' });
    expect(lab.orders()).toEqual([]);
  });

  it('of a map that is nearly right only what differs is sent: the wrong first, then the missing, then the superfluous', async () => {
    const lab = await started(
      { 'live/a': 'mtx1', 'live/b': 'mtx2', 'live/old': 'mtx1' },
      { 'live/a': 'mtx1', 'live/b': 'mtx3', 'live/new': 'mtx2' },
    );
    expect(lab.orders().filter((command) => command.includes(' map '))).toEqual([
      'set map routes.map live/b mtx3',
      'add map routes.map',
      'del map routes.map live/old',
    ]);
    expect(lab.lookups()).toEqual({ 'live/a': 'mtx1', 'live/b': 'mtx3', 'live/new': 'mtx2' });
  });

  it('a map that is mostly wrong is replaced at once: lookups never meet half of it', async () => {
    const old = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`live/${i}`, 'mtx1']));
    const wanted = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`live/${i}`, 'mtx2']));
    const lab = createPushLab(old, wanted);
    const seen = new Set<string>();
    lab.haproxy.spoil = () => {
      seen.add(
        JSON.stringify([lab.haproxy.entries.length, ...new Set(lab.haproxy.entries.map(([, server]) => server))]),
      );
      return undefined;
    };
    lab.push.start();
    await until('the moves to be noted', () => lab.haproxy.cleared.length === 100, 1);
    expect(lab.lookups()).toEqual(wanted);
    expect([...seen]).toEqual(['[100,"mtx1"]', '[100,"mtx2"]']);
    expect(lab.orders()).toContain('commit map @1 routes.map');
  });

  it('finds the map by the end of its path', async () => {
    const lab = createPushLab({}, { 'live/a': 'mtx1' });
    lab.haproxy.file = '/etc/haproxy/routes.map';
    lab.push.start();
    await until('the map to be right', lab.isIdle, 1);
    expect(lab.lookups()).toEqual({ 'live/a': 'mtx1' });
  });

  it('fills again when HAProxy is another', async () => {
    const lab = await started({}, { 'live/a': 'mtx1' });
    lab.haproxy.entries = [];
    lab.push.resync('reload');
    await until('the map to be right', () => lab.isIdle() && lab.haproxy.entries.length === 1, 1);
    expect(lab.lookups()).toEqual({ 'live/a': 'mtx1' });
  });
});

describe('an agent that has just started', () => {
  it('takes nothing out before every usable server has been listed', async () => {
    const lab = createPushLab({ 'live/a': 'mtx1', 'live/b': 'mtx2' }, {});
    const [first, second, third] = lab.directory.fakes;
    if (first === undefined || second === undefined || third === undefined) throw new Error('three servers');
    for (const { api } of lab.directory.fakes) api.inventoryAgeMs = undefined;
    lab.push.start();
    await until('the map to be read', lab.isIdle, 1);
    lab.directory.change('live/a', 'mtx1');
    lab.directory.change('live/new', 'mtx3');
    await until('the new stream', () => lab.haproxy.entries.length === 3, 1);
    first.api.inventoryAgeMs = 5;
    // Neither a server that is down nor one in maintenance will ever be listed.
    second.operational = 'DOWN';
    lab.directory.change('live/other', 'mtx1');
    await until('the other stream', () => lab.haproxy.entries.length === 4, 1);
    expect(lab.lookups()).toHaveProperty('live/b', 'mtx2');
    third.administrative = 'maint';
    await until('the old entry to go', () => lab.haproxy.entries.length === 3, 5);
    expect(lab.lookups()).toEqual({ 'live/a': 'mtx1', 'live/new': 'mtx3', 'live/other': 'mtx1' });
  });

  it('takes them out when a server has not been listed for too long', async () => {
    let nowMs = 0;
    const lab = createPushLab({ 'live/b': 'mtx2' }, { 'live/a': 'mtx1' }, { now: () => nowMs, staleForMs: 60_000 });
    for (const { api } of lab.directory.fakes) api.inventoryAgeMs = undefined;
    lab.push.start();
    await until('the map to be right', lab.isIdle, 1);
    nowMs = 59_999;
    lab.directory.change('live/c', 'mtx1');
    await until('the new stream', () => lab.haproxy.entries.length === 3, 1);
    nowMs = 60_000;
    await until('the old entry to go', () => lab.haproxy.entries.length === 2, 5);
    expect(lab.lookups()).toEqual({ 'live/a': 'mtx1', 'live/c': 'mtx1' });
  });

  it('waits for the fleet: no server at all is no evidence', async () => {
    const lab = createPushLab({ 'live/b': 'mtx2' }, {});
    lab.directory.fakes.length = 0;
    lab.push.start();
    await until('the map to be read', lab.isIdle, 1);
    expect(lab.orders()).toEqual([]);
  });
});

describe('changes', () => {
  it('are sent as they come', async () => {
    const lab = await started({}, { 'live/a': 'mtx1' });
    lab.directory.change('live/b', 'mtx2');
    await until('the new stream', () => lab.lookups()['live/b'] === 'mtx2', 1);
    lab.directory.change('live/b', undefined);
    await until('its end', () => !('live/b' in lab.lookups()), 1);
    expect(lab.push.stats).toMatchObject({ added: 2, removed: 1, replacements: 1 });
  });

  it('of one moment travel together', async () => {
    const lab = await started({ 'live/x': 'mtx1' }, { 'live/x': 'mtx1' }, { collectMs: 10 });
    for (let i = 0; i < 400; i++) lab.directory.change(`live/${i}`, 'mtx1');
    for (let i = 0; i < 400; i++) lab.directory.change(`live/${i}`, 'mtx2');
    for (let i = 0; i < 100; i++) lab.directory.change(`gone/${i}`, 'mtx2');
    for (let i = 0; i < 100; i++) lab.directory.change(`gone/${i}`, undefined);
    await until('all of them', () => lab.haproxy.entries.length === 401, 1);
    await until('quiet', lab.isIdle, 1);
    expect(lab.orders()).toEqual(['add map routes.map']);
    expect(Object.values(lab.lookups()).filter((server) => server === 'mtx2')).toHaveLength(400);
  });

  it('above the bound are not remembered: everything is compared', async () => {
    const lab = await started({}, { 'live/x': 'mtx1' }, { maxPending: 10 });
    for (let i = 0; i < 50; i++) lab.directory.change(`live/${i}`, 'mtx1');
    expect(lab.push.view().waiting).toBeLessThanOrEqual(10);
    await until('all of them', () => lab.haproxy.entries.length === 51, 1);
    expect(lab.push.stats.overflows).toBe(1);
  });

  it('that come while others are sent are not lost', async () => {
    const lab = await started({}, { 'live/a': 'mtx1' });
    lab.haproxy.spoil = (command) => {
      if (!command.startsWith('set map')) return undefined;
      lab.haproxy.spoil = undefined;
      lab.directory.change('live/a', 'mtx3');
      return undefined;
    };
    lab.directory.change('live/a', 'mtx2');
    await until('the last change', () => lab.lookups()['live/a'] === 'mtx3', 1);
  });

  it('of a stream whose entry is gone add it', async () => {
    const lab = await started({}, { 'live/a': 'mtx1' });
    lab.haproxy.entries = [];
    lab.directory.change('live/a', 'mtx2');
    await until('the entry', () => lab.lookups()['live/a'] === 'mtx2', 1);
  });
});

describe('the table streams', () => {
  it('forgets a stream that moved, after the map is right', async () => {
    const lab = await started({ 'live/a': 'mtx1' }, { 'live/a': 'mtx1' });
    lab.directory.change('live/a', 'mtx2');
    await until('the entry to be cleared', () => lab.haproxy.cleared.length > 0, 1);
    expect(lab.orders()).toEqual(['set map routes.map live/a mtx2', 'clear table streams key live/a']);
  });

  it('forgets a stream that went and came back elsewhere, not one that came back', async () => {
    const lab = await started({ 'live/a': 'mtx1', 'live/b': 'mtx1' }, { 'live/a': 'mtx1', 'live/b': 'mtx1' });
    for (const stream of ['live/a', 'live/b']) lab.directory.change(stream, undefined);
    await until('their end', () => lab.haproxy.entries.length === 0, 1);
    lab.directory.change('live/a', 'mtx2');
    lab.directory.change('live/b', 'mtx1');
    await until('the entry to be cleared', () => lab.haproxy.cleared.length > 0, 1);
    await until('quiet', lab.isIdle, 1);
    expect(lab.haproxy.cleared).toEqual(['live/a']);
  });

  it('forgets an entry that is held at that moment as soon as it is free, and pushes routes meanwhile', async () => {
    const lab = await started({ 'live/a': 'mtx1' }, { 'live/a': 'mtx1' });
    let held = 3;
    lab.haproxy.spoil = (command) =>
      command.startsWith('clear table') && held-- > 0 ? 'Entry currently in use, cannot remove\n' : undefined;
    lab.directory.change('live/a', 'mtx2');
    await until('the attempt', () => held < 3, 1);
    lab.directory.change('live/b', 'mtx3');
    await until('the next change', () => lab.lookups()['live/b'] === 'mtx3', 1);
    await until('the entry to be cleared', () => lab.haproxy.cleared.length > 0, 1);
    expect(lab.haproxy.cleared).toEqual(['live/a']);
    await until('quiet', lab.isIdle, 1);
    expect(lab.push.stats).toMatchObject({ cleared: 1, failures: 0 });
  });

  it('gives up an entry that somebody holds for good', async () => {
    const lab = await started({ 'live/a': 'mtx1' }, { 'live/a': 'mtx1' }, { now: () => performance.now() * 100 });
    lab.haproxy.spoil = (command) =>
      command.startsWith('clear table') ? 'Entry currently in use, cannot remove\n' : undefined;
    lab.directory.change('live/a', 'mtx2');
    const attempts = () => lab.orders().filter((command) => command.startsWith('clear table')).length;
    await until('the last attempt', () => attempts() === 7, 1);
    lab.directory.change('live/b', 'mtx3');
    await until('the next change', () => lab.lookups()['live/b'] === 'mtx3', 1);
    expect(attempts()).toBe(7);
    expect(lab.push.stats).toMatchObject({ cleared: 0, failures: 0 });
  });

  it.each(['No such table\n', 'Permission denied\n', 'Entry currently in use, cannot remove\n', '???\n'])(
    'that cannot be cleared (%j) stops nothing',
    async (reply) => {
      const lab = await started({ 'live/a': 'mtx1' }, { 'live/a': 'mtx1' });
      lab.haproxy.spoil = (command) => (command.startsWith('clear table') ? reply : undefined);
      lab.directory.change('live/a', 'mtx2');
      await until('the attempt', () => lab.orders().some((command) => command.startsWith('clear table')), 1);
      lab.directory.change('live/a', 'mtx3');
      await until('the next change', () => lab.lookups()['live/a'] === 'mtx3', 1);
      expect(lab.push.stats).toMatchObject({ cleared: 0, failures: 0 });
    },
  );
});

describe('a map that cannot be filled', () => {
  it('does not exist: told once, tried again, filled when it comes', async () => {
    const lab = createPushLab({}, { 'live/a': 'mtx1' });
    lab.haproxy.file = undefined;
    lab.push.start();
    await until('some attempts', () => lab.push.stats.failures >= 2, 5);
    lab.push.resync('reload');
    await until('an attempt at once', () => lab.push.stats.failures >= 3, 5);
    expect(lab.push.view()).toMatchObject({ state: 'refused', error: { reason: 'not-found' } });
    expect(lab.lines.filter(({ level }) => level === 'warn')).toEqual([
      {
        level: 'warn',
        text: 'HAProxy at /run/admin.sock has no map routes.map: its haproxy.cfg names none (haproxy.map: off says that this is meant); until routes can be pushed, HAProxy asks the agent',
      },
    ]);
    lab.haproxy.file = 'routes.map';
    lab.push.resync('reload');
    await until('the map to be right', lab.isIdle, 1);
    expect(lab.lookups()).toEqual({ 'live/a': 'mtx1' });
  });

  it('is tried again at once when HAProxy was seen to answer, however long it had failed', async () => {
    const lab = await started({}, { 'live/a': 'mtx1' }, { checkEveryMs: 1 });
    lab.haproxy.spoil = () => ({ reason: 'unreachable', message: 'gone' });
    // The next attempt is a second away by then.
    await until('some failures', () => lab.push.stats.failures >= 3, 1);
    lab.directory.change('live/a', 'mtx2');
    lab.haproxy.spoil = undefined;
    const timers = jest.spyOn(global, 'setTimeout');
    lab.push.retry();
    expect(timers.mock.calls.map(([, delayMs]) => delayMs)).toEqual([0]);
    timers.mockClear();
    await until('the map to be right', lab.isIdle, 1);
    expect(lab.lookups()).toEqual({ 'live/a': 'mtx2' });
    timers.mockClear();
    // While all goes well there is nothing to hurry.
    lab.push.retry();
    expect(timers.mock.calls).toEqual([]);
    timers.mockRestore();
  });

  it('is refused while it is filled: what was there stays, and it is tried again', async () => {
    const lab = createPushLab(
      { 'live/x': 'mtx3' },
      Object.fromEntries([...Array(40).keys()].map((i) => [`live/${i}`, 'mtx1'])),
    );
    lab.haproxy.spoil = (command) => (command.startsWith('add map') ? 'Out of memory error.\n' : undefined);
    lab.push.start();
    await until('a failure', () => lab.push.stats.failures > 0, 1);
    expect(lab.lookups()).toEqual({ 'live/x': 'mtx3' });
    lab.haproxy.spoil = undefined;
    await until('the map to be right', lab.isIdle, 5);
    expect(Object.keys(lab.lookups())).toHaveLength(40);
    expect(lab.lines.map(({ text }) => text)).toContain('routes are pushed again');
  });

  const commands = ['show map', 'show map routes.map', 'prepare map', 'add map', 'commit map', 'set map', 'del map'];
  const replies = ['garbage\n', '', 'Permission denied\n', 'Unknown command: "x"\n', '# id (file) description\n0 (ro'];
  const faults = commands.flatMap((command) => replies.map((reply) => [command, reply] as const));

  it.each(faults)('%s answered %j: recovers', async (command, reply) => {
    const wanted = Object.fromEntries([...Array(50).keys()].map((i) => [`live/${i}`, 'mtx1']));
    const lab = createPushLab({ 'live/x': 'mtx3', 'live/1': 'mtx2' }, wanted);
    let spoilt = 0;
    lab.haproxy.spoil = (asked) => {
      const isMeant = command === 'show map' ? asked === command : asked.startsWith(command);
      return isMeant && spoilt++ < 2 ? reply : undefined;
    };
    lab.push.start();
    await until('the first attempt to be over', () => lab.push.stats.failures > 0 || lab.isIdle(), 1);
    // Whatever was believed of the map, it is read again.
    lab.push.resync('test');
    await until('the map to be right', lab.isIdle, 5);
    lab.push.resync('test');
    await until('the map to be read', () => lab.push.view().state !== 'behind' && lab.isIdle(), 5);
    expect(lab.lookups()).toEqual(wanted);
  });
});

describe('whoever waits until all is sent', () => {
  it('waits for what changed before, however much changes afterwards', async () => {
    const lab = await started({}, { 'live/a': 'mtx1' });
    let changes = 0;
    // Each command that is sent finds another change.
    lab.haproxy.spoil = (command) => {
      if (command.startsWith('set map')) lab.directory.change('live/a', `mtx${(++changes % 3) + 1}`);
      return undefined;
    };
    lab.directory.change('live/a', 'mtx2');
    lab.directory.change('live/b', 'mtx3');
    await lab.push.sent();
    expect(lab.lookups()['live/b']).toBe('mtx3');
    expect(lab.push.view().state).toBe('behind');
    lab.haproxy.spoil = undefined;
  });

  it('waits for a map that must be read first', async () => {
    const lab = createPushLab({}, { 'live/a': 'mtx1' });
    lab.push.start();
    await lab.push.sent();
    expect(lab.lookups()).toEqual({ 'live/a': 'mtx1' });
    lab.haproxy.entries = [];
    lab.push.resync('reload');
    await lab.push.sent();
    expect(lab.lookups()).toEqual({ 'live/a': 'mtx1' });
  });

  it('hears when nothing can be sent, and when the push ends', async () => {
    const lab = createPushLab({}, { 'live/a': 'mtx1' });
    lab.haproxy.spoil = () => ({ reason: 'unreachable', message: 'gone' });
    lab.push.start();
    await lab.push.sent();
    expect(lab.push.view().state).toBe('refused');
    lab.haproxy.spoil = undefined;
    lab.push.resync('reload');
    const ended = lab.push.sent();
    await Promise.all([lab.push.stop(), ended]);
  });
});

describe('drift', () => {
  const checkOften = { checkEveryMs: 5 };

  it('is looked for soon after another process was filled: it may have been the old one that was', async () => {
    let nowMs = 0;
    const lab = await started({}, { 'live/a': 'mtx1' }, { now: () => nowMs, checkEveryMs: 60_000 });
    lab.push.resync('reload');
    await until('the map to be read', () => lab.push.stats.reads === 2 && lab.isIdle(), 1);
    lab.haproxy.entries = [];
    nowMs = 1000;
    lab.directory.change('live/b', 'mtx2');
    await until('the repair', () => lab.lookups()['live/a'] === 'mtx1', 1);
  });

  it('that leaves nothing out is no reason to read a great map again and again', async () => {
    let nowMs = 0;
    const lab = createPushLab({}, { 'live/a': 'mtx1' }, { now: () => nowMs, ...checkOften });
    // To read it takes a tenth of a second.
    lab.haproxy.spoil = (command) => {
      if (command === 'show map routes.map') nowMs += 100;
      return undefined;
    };
    lab.haproxy.entries = [['live/a', 'mtx1']];
    lab.push.start();
    await until('the map to be right', lab.isIdle, 1);
    const checks = () => lab.haproxy.asked.filter((command) => command === 'show map').length;
    const nextChecks = async () => {
      const before = checks();
      for (let i = 1; i <= 5; i++) {
        nowMs += 5;
        lab.directory.change('live/a', 'mtx1');
        await until('a check', () => checks() >= before + i, 1);
      }
    };
    lab.haproxy.entries.push(['live/a', 'mtx1']);
    await nextChecks();
    expect(lab.push.stats.reads).toBe(1);
    nowMs += 10_000;
    lab.directory.change('live/a', 'mtx1');
    await until('the reading', () => lab.push.stats.reads === 2, 1);
    await until('quiet', lab.isIdle, 1);
    // What is missing is repaired at once.
    lab.haproxy.entries = [];
    nowMs += 5;
    lab.directory.change('live/a', 'mtx1');
    await until('the repair', () => lab.lookups()['live/a'] === 'mtx1', 1);
  });

  it('of an entry that somebody removed, or added, is found by the number of entries', async () => {
    const lab = await started({}, { 'live/a': 'mtx1', 'live/b': 'mtx2' }, checkOften);
    lab.haproxy.entries.pop();
    await until('the repair', () => lab.lookups()['live/b'] === 'mtx2', 5);
    lab.haproxy.entries.push(['live/old', 'mtx1']);
    await until('the repair', () => lab.haproxy.entries.length === 2 && lab.push.stats.repaired === 2, 5);
    expect(lab.lines.filter(({ level }) => level === 'warn')).toHaveLength(2);
  });

  it('is none where another process answers: its map was empty from the start', async () => {
    const lab = await started({}, { 'live/a': 'mtx1', 'live/b': 'mtx2' }, checkOften);
    lab.haproxy.pid = 2;
    lab.haproxy.entries = [];
    await until('the routes', () => lab.haproxy.entries.length === 2, 5);
    await until('quiet', lab.isIdle, 1);
    expect(lab.push.stats.repaired).toBe(0);
    expect(lab.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    // The next one lost them.
    lab.haproxy.entries = [];
    await until('the repair', () => lab.push.stats.repaired === 2, 5);
  });

  it('of a value is found when the whole map is compared', async () => {
    const lab = await started({}, { 'live/a': 'mtx1' }, { ...checkOften, compareEveryMs: 1 });
    lab.haproxy.entries = [['live/a', 'mtx3']];
    await until('the repair', () => lab.lookups()['live/a'] === 'mtx1', 5);
    expect(lab.push.stats.repaired).toBe(1);
  });

  it('is not what the directory has changed meanwhile', async () => {
    const lab = await started({}, { 'live/a': 'mtx1' }, { collectMs: 50, checkEveryMs: 1, compareEveryMs: 1 });
    for (const server of ['mtx2', 'mtx3', 'mtx1', 'mtx2']) {
      lab.directory.change('live/a', server);
      await until('the change', () => lab.lookups()['live/a'] === server, 1);
    }
    expect(lab.push.stats.repaired).toBe(0);
  });

  it('entries of others and entries that are there twice are left alone, and read once', async () => {
    const lab = createPushLab({ 'not;ours': 'x', 'live/a': 'mtx1' }, { 'live/a': 'mtx1' }, checkOften);
    lab.haproxy.entries.push(['live/a', 'mtx1']);
    lab.push.start();
    await until('some checks', () => lab.haproxy.asked.filter((command) => command === 'show map').length > 4, 1);
    expect(lab.push.stats).toMatchObject({ reads: 1, repaired: 0 });
    expect(lab.orders()).toEqual([]);
  });
});

describe('the end', () => {
  it('leaves the map as it is, and nothing behind', async () => {
    const lab = await started({}, { 'live/a': 'mtx1' }, { checkEveryMs: 1 });
    await lab.push.stop();
    const asked = lab.haproxy.asked.length;
    lab.directory.change('live/a', 'mtx2');
    lab.push.resync('late');
    lab.push.start();
    await new Promise((next) => setTimeout(next, 20));
    expect(lab.haproxy.asked).toHaveLength(asked);
    expect(lab.directory.listeners.size).toBe(0);
    expect(lab.lookups()).toEqual({ 'live/a': 'mtx1' });
  });
});

it('names that no stream can have never reach HAProxy', async () => {
  const piece = fc.constantFrom(
    'live',
    'a',
    '/',
    '..',
    ';',
    '\n',
    '\n\n',
    ' ',
    ' <<',
    '@1',
    '#0x1',
    '\\',
    '\u0000',
    'ä',
    '"',
  );
  const name = fc.oneof(
    fc.string(),
    fc.array(piece, { minLength: 1 }).map((parts) => parts.join('')),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(name, { minLength: 1 }),
      fc.uniqueArray(name, { minLength: 1 }),
      async (first, then) => {
        const lab = createPushLab({}, Object.fromEntries(first.map((stream) => [stream, 'mtx1'])));
        try {
          lab.push.start();
          await until('the map to be right', lab.isIdle, 1);
          for (const stream of then) lab.directory.change(stream, 'mtx2');
          await until('quiet', lab.isIdle, 1);
          for (const stream of then) lab.directory.change(stream, undefined);
          await until('quiet', lab.isIdle, 1);
        } finally {
          await lab.push.stop();
        }
        const words = [...lab.haproxy.asked, ...lab.haproxy.payloads].flatMap((line) => line.split(' '));
        const syntax = /^(show|prepare|add|commit|set|del|clear|map|table|key|streams|routes\.map|@\d+|mtx[12])$/;
        expect(words.filter((word) => !syntax.test(word) && !isStreamName(word))).toEqual([]);
        expect(lab.push.stats.failures).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});
