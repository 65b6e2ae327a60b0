import { idBefore } from '../../../src/events';
import { createAuditLog } from './audit-log';
import { createFakeDelivery, deadLetter, type FakeDelivery } from './fake-delivery';
import { idOf } from './fake-events';
import { type HttpLab, startHttpLab } from './lab';

const token = 'correct-horse-battery-staple';
const bearer = `Authorization: Bearer ${token}`;

let lab: HttpLab;
let delivery: FakeDelivery;
const audit = createAuditLog();

beforeEach(async () => {
  audit.lines = [];
  delivery = createFakeDelivery();
  lab = await startHttpLab({ webhooks: delivery, token, log: audit.log });
});
afterEach(() => lab.server.stop());

const post = (path: string, body: unknown = {}, headers: readonly string[] = [bearer]) =>
  lab.request(path, { method: 'POST', headers, body });

describe('webhooks', () => {
  it('are listed with how they do, without their urls', async () => {
    const { status, json } = await lab.request('/v1/webhooks');
    expect(status).toBe(200);
    expect(json).toEqual({
      webhooks: [
        {
          name: 'hook',
          types: ['stream.started', 'stream.ended'],
          streams: 'live/**',
          signed: true,
          state: 'failing',
          trouble: 'it answers 503',
          waiting: 12,
          oldestAgeMs: 65_000,
        },
        {
          name: 'other',
          types: [],
          streams: null,
          signed: false,
          state: 'delivering',
          trouble: null,
          waiting: 0,
          oldestAgeMs: 0,
        },
      ],
    });
  });

  it('are none where no events are delivered', async () => {
    await lab.server.stop();
    lab = await startHttpLab({ token });
    expect((await lab.request('/v1/webhooks')).json).toEqual({ webhooks: [] });
    expect((await lab.request('/v1/events/dead')).status).toBe(501);
    expect((await post('/v1/events/replay', { after: idOf(1) })).status).toBe(501);
    expect((await post('/v1/events/dead/redeliver')).status).toBe(501);
  });
});

describe('a replay', () => {
  it('goes from an id to one webhook, and leaves a line of who wanted it', async () => {
    const reply = await post('/v1/events/replay', {
      webhook: 'hook',
      after: idOf(7),
      reason: 'the database was restored',
      operator: 'alice',
    });
    expect(reply).toMatchObject({ status: 200, json: { webhooks: [{ name: 'hook', waiting: 12 }] } });
    expect(delivery.asked).toEqual([`replay hook ${idOf(7)}`]);
    expect(audit.lines).toMatchObject([
      {
        audit: true,
        change: 'replay',
        target: 'hook',
        operator: 'alice',
        via: 'token',
        reason: 'the database was restored',
        after: idOf(7),
        result: 'done',
      },
    ]);
    expect(JSON.stringify(audit.lines)).not.toContain(token);
  });

  it('goes from a time to all', async () => {
    const since = '2026-11-21T11:00:00.5+01:00';
    const reply = await post('/v1/events/replay', { since });
    expect(reply).toMatchObject({ status: 200, json: { webhooks: [{ name: 'hook' }, { name: 'other' }] } });
    expect(delivery.asked).toEqual([`replay * ${idBefore(Date.parse('2026-11-21T10:00:00.500Z'))}`]);
    expect(audit.lines).toMatchObject([{ target: 'all webhooks', since: '2026-11-21T10:00:00.500Z' }]);
  });

  it.each([
    [{}, 'either "after" or "since"'],
    [{ after: idOf(1), since: '2026-11-21T10:00:00Z' }, 'either "after" or "since"'],
    [{ after: '1' }, 'the id of an event'],
    [{ since: 'yesterday' }, 'RFC 3339'],
    [{ since: '2026-13-21T10:00:00Z' }, 'RFC 3339'],
    [{ after: idOf(1), to: 'hook' }, 'webhook, after, since'],
    [{ after: idOf(1), webhook: 7 }, 'events.webhooks'],
  ])('of %j is refused with what is allowed', async (body, allowed) => {
    const reply = await post('/v1/events/replay', body);
    expect(reply).toMatchObject({ status: 400, json: { allowed: expect.stringContaining(allowed) as string } });
    expect(delivery.asked).toEqual([]);
  });

  it.each([
    ['no-such-webhook', 404],
    ['not-delivering', 503],
    ['not-stored', 503],
  ] as const)('that cannot be (%s) has %d, and a line', async (problem, status) => {
    delivery.refusal = problem;
    const reply = await post('/v1/events/replay', { webhook: 'hoook', after: idOf(1) });
    expect(reply).toMatchObject({ status, json: { detail: 'There is hook.', given: 'hoook' } });
    expect(audit.lines).toMatchObject([{ change: 'replay', target: 'hoook', detail: 'there is hook' }]);
    expect(lab.server.stats.changes.failed).toBe(1);
  });

  it('is not for everybody', async () => {
    for (const path of ['/v1/events/replay', '/v1/events/dead/redeliver']) {
      expect((await post(path, { after: idOf(1) }, [])).status).toBe(401);
    }
    expect(delivery.asked).toEqual([]);
    expect(lab.server.stats.changes.refused).toBe(2);
  });
});

describe('dead letters', () => {
  it('are listed in pages', async () => {
    delivery.letters = [deadLetter(3), deadLetter(2), deadLetter(1, 'other')];
    const first = await lab.request('/v1/events/dead?limit=2');
    expect(first.json).toMatchObject({
      deadLetters: [
        {
          webhook: 'hook',
          attempts: 7,
          reason: 'it answers 400',
          time: '2026-11-21T11:00:00.000Z',
          event: { id: idOf(3), type: 'stream.started', subject: 'live/a' },
        },
        { event: { id: idOf(2) } },
      ],
      next: `${idOf(2)}.hook`,
    });
    delivery.letters = [deadLetter(1, 'other')];
    const second = await lab.request(`/v1/events/dead?limit=2&webhook=hook&cursor=${idOf(2)}.hook`);
    expect(second.json).toMatchObject({ deadLetters: [{ webhook: 'other' }], next: null });
    expect(delivery.asked).toEqual(['dead * - 3', `dead hook ${idOf(2)}.hook 3`]);
  });

  it.each(['limit=0', 'limit=1001', 'cursor=x', 'webhook=a&webhook=b'])('with %s: refused', async (query) => {
    const reply = await lab.request(`/v1/events/dead?${query}`);
    expect(reply).toMatchObject({ status: 400, json: { allowed: expect.any(String) as string } });
    expect(delivery.asked).toEqual([]);
  });

  it('that cannot be read have 503', async () => {
    delivery.refusal = 'not-stored';
    expect((await lab.request('/v1/events/dead')).status).toBe(503);
  });

  it('are tried once more on demand, with a line that counts them', async () => {
    const reply = await post('/v1/events/dead/redeliver', { webhook: 'hook', operator: 'alice' });
    expect(reply).toMatchObject({ status: 200, json: { delivered: 2, failed: 1, trouble: 'it answers 400' } });
    expect(delivery.asked).toEqual(['redeliver hook']);
    expect(audit.lines).toMatchObject([
      { change: 'redeliver', target: 'hook', operator: 'alice', delivered: 2, failed: 1 },
    ]);
    delivery.refusal = 'no-such-webhook';
    expect((await post('/v1/events/dead/redeliver', { webhook: 'x' })).status).toBe(404);
  });
});
