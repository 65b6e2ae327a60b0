import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { idBefore } from '../../../src/events';
import { createFakeDelivery, deadLetter, type FakeDelivery } from '../api/fake-delivery';
import { createFakeEvents, type FakeEvents, idOf } from '../api/fake-events';
import { type HttpLab, startHttpLab } from '../api/lab';
import { run } from './run';

let lab: HttpLab;
let delivery: FakeDelivery;
let events: FakeEvents;
let folder: string;
let socket: string;

beforeEach(async () => {
  delivery = createFakeDelivery();
  events = createFakeEvents();
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-cli-'));
  socket = join(folder, 'admin.sock');
  lab = await startHttpLab({ events, webhooks: delivery });
  await lab.server.listenForAdmin(socket);
});
afterEach(async () => {
  await lab.server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const overSocket = (...args: string[]) => run(args, { env: { MTXPILOT_HTTP_ADMIN_SOCKET: socket } });

describe('events replay', () => {
  it('goes to all from a time, or to one from an id', async () => {
    expect(await overSocket('events', 'replay', '--since', '2026-11-21T10:00:00Z')).toEqual({
      code: 0,
      out: 'hook: 12 events to deliver\nother: 0 events to deliver\n',
      err: '',
    });
    const args = ['events', 'replay', '--webhook', 'hook', '--after', idOf(7), '--reason', 'restored'];
    expect(await overSocket(...args)).toMatchObject({ code: 0, out: 'hook: 12 events to deliver\n' });
    expect(delivery.asked).toEqual([
      `replay * ${idBefore(Date.parse('2026-11-21T10:00:00Z'))}`,
      `replay hook ${idOf(7)}`,
    ]);
  });

  it('goes from a while ago', async () => {
    const agoId = () => idBefore(Date.now() - 1_800_000);
    const earliest = agoId();
    expect((await overSocket('events', 'replay', '--since', '30m')).code).toBe(0);
    const [, , after = ''] = delivery.asked[0]?.split(' ') ?? [];
    expect(after >= earliest && after <= agoId()).toBe(true);
  });

  it('prints what the API says with --json', async () => {
    const { out } = await overSocket('events', 'replay', '--after', idOf(7), '--json');
    expect(JSON.parse(out)).toMatchObject({ webhooks: [{ name: 'hook', state: 'failing' }, { name: 'other' }] });
  });

  it.each([
    [[], 'either --since or --after'],
    [['--after', idOf(1), '--since', '1h'], 'either --since or --after'],
    [['--since', 'yesterday'], 'Expected how long ago'],
    [['--since', '30'], 'Expected how long ago'],
  ])('with %j is wrong usage', async (args, text) => {
    const ran = await overSocket('events', 'replay', ...args);
    expect(ran).toMatchObject({ code: 2, err: expect.stringContaining(text) as string });
    expect(delivery.asked).toEqual([]);
  });

  it('that is refused ends with 1, and with 3 where no agent is', async () => {
    delivery.refusal = 'no-such-webhook';
    expect(await overSocket('events', 'replay', '--webhook', 'x', '--after', idOf(1))).toMatchObject({
      code: 1,
      err: 'mtxpilot: No such webhook. There is hook.\n',
    });
    const nowhere = ['events', 'replay', '--after', idOf(1), '--socket', join(folder, 'none.sock')];
    expect(await overSocket(...nowhere)).toMatchObject({ code: 3 });
  });
});

describe('events dead', () => {
  it('lists dead letters', async () => {
    expect(await overSocket('events', 'dead')).toMatchObject({ code: 0, out: 'no dead letters\n' });
    delivery.letters = [deadLetter(2), deadLetter(1)];
    const { out } = await overSocket('events', 'dead', '--webhook', 'hook', '--limit', '1');
    expect(out.split('\n')).toEqual([
      expect.stringMatching(/^GIVEN UP +WEBHOOK +EVENT +ABOUT +ID +ATTEMPTS +WHY$/),
      expect.stringMatching(
        new RegExp(`^2026-11-21T11:00:00.000Z  hook +stream.started  live/a  ${idOf(2)} +7  it answers 400$`),
      ),
      'there are more, --limit shows them',
      '',
    ]);
    expect(delivery.asked).toEqual(['dead * - 51', 'dead hook - 2']);
  });

  it('--retry tries them once more, and ends with 1 when some failed', async () => {
    expect(await overSocket('events', 'dead', '--retry', '--webhook', 'hook')).toEqual({
      code: 1,
      out: '2 delivered, 1 failed: it answers 400\n',
      err: '',
    });
    expect(delivery.asked).toEqual(['redeliver hook']);
  });
});

describe('events webhooks', () => {
  it('shows who is told, and how that goes', async () => {
    const { code, out } = await overSocket('events', 'webhooks');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      expect.stringMatching(/^WEBHOOK +STATE +WAITING +OLDEST +EVENTS +TROUBLE$/),
      expect.stringMatching(/^hook +failing +12 +65 s +stream\.started,stream\.ended of live\/\*\* +it answers 503$/),
      expect.stringMatching(/^other +delivering +0 +- +all +-$/),
      '',
    ]);
  });
});

describe('events', () => {
  it('goes from a time, which stays an option of its own beside the commands under it', async () => {
    await overSocket('events', '--since', '2026-11-21T10:00:00Z', '--limit', '3');
    expect(events.queries).toMatchObject([{ after: idBefore(Date.parse('2026-11-21T10:00:00Z')), limit: 3 }]);
    expect((await overSocket('events', '--since', '1h', '--after', idOf(1))).code).toBe(2);
  });

  it('offers its commands to a shell', async () => {
    const offered = async (...words: string[]) =>
      (await overSocket('complete', '--', ...words)).out.split('\n').slice(0, -1);
    expect(await offered('events', '')).toEqual(['replay', 'dead', 'webhooks']);
    expect(await offered('events', 're')).toEqual(['replay']);
    expect(await offered('events', 'dead', '--re')).toEqual(expect.arrayContaining(['--retry', '--reason']));
    expect(await offered('events', 'dead', '')).toEqual([]);
  });
});
