import { createRuntimeClient, getMap, type RuntimeResult, showStat } from '../../src/runtime';
import { type ControlLab, startControlLab } from '../support/control-lab';
import type { Fault } from '../support/fake-haproxy-socket';
import { haproxyVersion } from '../support/haproxy';
import { until } from '../support/until';

const faults: readonly [string, Fault][] = [
  ['garbage', { kind: 'replace', text: Buffer.from([0, 255, 27, 91, 50, 74, 10, 10]) }],
  ['a refusal', { kind: 'replace', text: 'Permission denied\n\n' }],
  ['nothing but its end', { kind: 'replace', text: '\n' }],
  ['one byte, then closed', { kind: 'truncate', bytes: 1 }],
  ['cut in the middle of a line', { kind: 'truncate', bytes: 30 }],
  ['closed at once', { kind: 'refuse' }],
];
/** An answer that never ends costs a whole deadline: of the short commands only. */
const hang: [string, Fault] = ['begun and never ended', { kind: 'hang', bytes: 20 }];
const commands = ['show map', 'show map #', 'prepare map', 'add map', 'commit map', 'set map', 'del map'] as const;

describe(`HAProxy ${haproxyVersion}: what the push makes of spoiled answers`, () => {
  let lab: ControlLab;
  let number = 0;
  beforeAll(async () => {
    lab = await startControlLab({ map: true });
  });
  afterEach(() => node().socket.breakWith(undefined));
  afterAll(() => lab.stop());

  const node = () => {
    const [first] = lab.nodes;
    const [push] = lab.control.pushes;
    if (first === undefined || push === undefined) throw new Error('no HAProxy');
    return { ...first, push };
  };

  it.each(
    commands.flatMap((command) =>
      [...faults, ...(command === 'show map #' ? [] : [hang])].map(([what, fault]) => [command, what, fault] as const),
    ),
  )(
    '"%s" answered with %s: the map is right afterwards, and so is what is believed of it',
    async (command, _, fault) => {
      const streams = [`live/${number}-a`, `live/${number}-b`];
      const [first = '', second = ''] = streams;
      number++;
      lab.fleet.server('mtx1').publish(first);
      lab.fleet.server('mtx1').publish(second);
      const mapIs = (expected: string) =>
        until(expected || 'an empty map', async () => (await node().routes()) === expected);
      await mapIs(`${first} mtx1, ${second} mtx1`);
      await until('quiet', () => node().push.view().state === 'right');

      let spoiled = 0;
      node().socket.breakWith((given) => {
        // Without a name it lists the maps; with one it is the whole of it.
        const isMeant = command === 'show map' ? given === command : given.startsWith(command.replace(/ #$/, ' '));
        if (!isMeant) return undefined;
        spoiled++;
        return fault;
      });
      // Before it leaves the first: whichever server is listed first, the route is changed, and never gone in between.
      lab.fleet.server('mtx2').publish(first);
      lab.fleet.server('mtx1').unpublish(second);
      // A map that is empty is filled in another way than one that is nearly right.
      if (/prepare|commit|add/.test(command)) await node().haproxy.runtime('clear map #0');
      node().push.resync('test');
      await until('a spoiled answer', () => spoiled > 0);
      lab.fleet.server('mtx1').unpublish(first);
      node().socket.breakWith(undefined);
      node().push.retry();
      await mapIs(`${first} mtx2`);
      await until('it to be known', () => node().push.view().state === 'right' && node().push.view().entries === 1);

      lab.fleet.server('mtx2').unpublish(first);
      await mapIs('');
    },
  );

  it('an answer that comes too late is nobody’s', async () => {
    let release: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      release = resolve;
    });
    lab.fleet.server('mtx1').publish('live/late');
    await until('the route', async () => (await node().routes()) === 'live/late mtx1');
    const { failures } = node().push.stats;
    node().socket.breakWith((given) => (given.startsWith('set map') ? { kind: 'delay', until: late } : undefined));
    lab.fleet.server('mtx3').publish('live/late');
    await until('the deadline to pass', () => node().push.stats.failures > failures);
    node().socket.breakWith(undefined);
    release();
    await until('the map to be right', async () => (await node().routes()) === 'live/late mtx3');
    await until('it to be known', () => node().push.view().state === 'right');
  });

  it.each([...faults, hang])(
    '"show stat" and "get map" answered with %s are failures, and nothing is believed',
    async (what, fault) => {
      const client = createRuntimeClient({ address: { path: node().socket.path }, timeoutMs: 500 });
      const ask: (() => Promise<RuntimeResult<unknown>>)[] = [
        () => showStat(client, 'mtx'),
        () => getMap(client, node().push.view().file, 'live/none'),
      ];
      for (const question of ask) {
        expect(await question()).toMatchObject({ ok: true });
        node().socket.breakWith((given) => (/^(show stat|get map)/.test(given) ? fault : undefined));
        expect([what, await question()]).toMatchObject([what, { ok: false }]);
        node().socket.breakWith(undefined);
        expect(await question()).toMatchObject({ ok: true });
      }
    },
  );
});
