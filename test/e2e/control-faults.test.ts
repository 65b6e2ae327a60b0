import { type ControlLab, startControlLab } from '../support/control-lab';
import type { Fault } from '../support/fake-haproxy-socket';
import { haproxyVersion } from '../support/haproxy';
import { until } from '../support/until';

const by = { reason: 'update', operator: 'ada' };

const commands = ['show info', 'show servers state', 'set server', 'show table', 'clear table'] as const;
const faults: readonly [string, Fault][] = [
  ['garbage', { kind: 'replace', text: Buffer.from([0, 255, 27, 91, 50, 74, 10, 10]) }],
  ['another command’s answer', { kind: 'replace', text: 'Unknown command: help\n\n' }],
  ['a refusal', { kind: 'replace', text: 'Permission denied\n\n' }],
  ['nothing but its end', { kind: 'replace', text: '\n' }],
  ['one byte, then closed', { kind: 'truncate', bytes: 1 }],
  ['cut in the middle of a line', { kind: 'truncate', bytes: 200 }],
  ['closed at once', { kind: 'refuse' }],
];
/** Answers that cost a whole deadline: of the short commands only. */
const slow: readonly [string, Fault][] = [
  ['begun and never ended', { kind: 'hang', bytes: 100 }],
  ['never answered', { kind: 'swallow' }],
];
const cases = commands.flatMap((command) =>
  [...faults, ...(command.endsWith('table') ? [] : slow)].map(([what, fault]) => [command, what, fault] as const),
);

describe(`HAProxy ${haproxyVersion}: what control makes of spoiled answers`, () => {
  let lab: ControlLab;
  beforeAll(async () => {
    lab = await startControlLab();
  });
  afterAll(() => lab.stop());

  const node = () => {
    const [first] = lab.nodes;
    if (first === undefined) throw new Error('no HAProxy');
    return first;
  };
  const shows = (expected: string) => until(expected, async () => (await node().shown()) === expected);
  const model = () => lab.directory.servers().map(({ name, operational }) => `${name} ${operational}`);
  const all = ['mtx1 UP', 'mtx2 UP', 'mtx3 UP'];

  it.each(cases)(
    '"%s" answered with %s: nothing is believed, and all is well afterwards',
    async (command, _, fault) => {
      await shows('mtx1 ready 1, mtx2 ready 1, mtx3 ready 1');
      await until('the model', () => JSON.stringify(model()) === JSON.stringify(all));
      const spoiled = node().socket.count(command);
      node().socket.breakWith((given) => (given.startsWith(command) ? fault : undefined));
      // Orders of every kind while it lasts; the states that HAProxy cannot be asked for are not taken for granted.
      const order = await lab.control.setIntent('mtx1', { kind: 'maint', ...by });
      await lab.control.refresh();
      await until('a spoiled answer', () => node().socket.count(command) > spoiled);
      expect(order).toMatchObject({ ok: true, value: { wanted: 'maint' } });
      expect(model().map((text) => text.split(' ')[0])).toEqual(['mtx1', 'mtx2', 'mtx3']);
      expect(model().slice(1)).toEqual(all.slice(1));
      expect(lab.control.servers().filter(({ wanted }) => wanted === 'external')).toEqual([]);

      node().socket.breakWith(undefined);
      await shows('mtx1 maint 1, mtx2 ready 1, mtx3 ready 1');
      await until('everybody to know', () => lab.control.servers().at(0)?.nodes[0]?.administrative === 'maint');
      expect(await lab.control.setIntent('mtx1', { kind: 'ready', ...by })).toMatchObject({
        ok: true,
        value: { wanted: 'ready' },
      });
      await until('it to take viewers', () => lab.directory.servers()[0]?.administrative === 'ready');
      lab.changes();
      const polls = lab.control.stats.observer.polls;
      await until('a quiet round', () => lab.control.stats.observer.polls > polls);
      expect(lab.changes()).toEqual([]);
    },
  );

  it('an answer that comes too late is no answer to the next question', async () => {
    let release: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      release = resolve;
    });
    node().socket.breakWith((given) =>
      given.startsWith('show servers state') ? { kind: 'delay', until: late } : undefined,
    );
    await until('the deadline to pass', () => lab.control.stats.observer.failures > 0);
    await node().haproxy.runtime(`set server mtx/mtx3 addr ${lab.block.address(99)} port 8888`);
    node().socket.breakWith(undefined);
    release();
    await until('mtx3 DOWN', () => model().includes('mtx3 DOWN'));
    expect(model()).toEqual(['mtx1 UP', 'mtx2 UP', 'mtx3 DOWN']);
  });
});
