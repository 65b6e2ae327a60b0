import { configOf, id, row } from '../relays/answers';
import { createFakeRelays, type FakeRelays, otherId, relayState, relayStream } from '../relays/fake-relays';
import { createAuditLog } from './audit-log';
import { type HttpLab, startHttpLab } from './lab';

const token = 'correct-horse-battery-staple';
const bearer = `Authorization: Bearer ${token}`;
const audit = createAuditLog();

let lab: HttpLab;
let relays: FakeRelays;

beforeEach(async () => {
  audit.lines = [];
  relays = createFakeRelays();
  lab = await startHttpLab({ relays, token, log: audit.log });
});
afterEach(() => lab.server.stop());

const post = (path: string, body: unknown = {}, headers: readonly string[] = [bearer]) =>
  lab.request(path, { method: 'POST', headers, body });

it('lists streams, those that match, and no more than are wanted', async () => {
  expect((await lab.request('/v1/relay/streams?match=news&limit=1')).json).toEqual({
    streams: [{ stream: row(), relays: [] }],
    total: 2,
    relays: [relayState],
  });
  expect(relays.asked).toEqual(['streams news']);
  expect(await lab.request('/v1/relay/streams?limit=0')).toMatchObject({ status: 400 });
});

it('shows one stream, and asks no relay for what cannot be an id', async () => {
  expect((await lab.request(`/v1/relay/streams/${id}`)).json).toEqual(relayStream);
  expect(await lab.request(`/v1/relay/streams/${otherId}`)).toMatchObject({
    status: 404,
    json: { title: 'No server has this stream' },
  });
  expect(await lab.request('/v1/relay/streams/live%2Fa')).toMatchObject({ status: 404 });
  expect(relays.asked).toEqual([`stream ${id}`, `stream ${otherId}`]);
});

it('shows accounts', async () => {
  expect((await lab.request('/v1/relay/accounts')).json).toEqual({ relays: [relayState] });
});

it('says in why of a stream what relays say of it, and asks none about others', async () => {
  expect((await lab.request(`/v1/streams/${id}/why`)).json).toMatchObject({ stream: id, relay: relayStream });
  expect((await lab.request('/v1/streams/live/a/why')).json).toMatchObject({ stream: 'live/a', relay: null });
  expect(relays.asked).toEqual([`stream ${id}`]);
});

describe('failover by hand', () => {
  it('moves clients, and leaves a line in the log', async () => {
    const reply = await post(`/v1/relay/streams/${id}/failover`, { reason: 'it flickers', operator: 'bob' });
    expect(reply).toMatchObject({ status: 200, json: relays.moved });
    expect(audit.lines).toMatchObject([
      { audit: true, change: 'failover', target: id, operator: 'bob', reason: 'it flickers', result: 'done' },
    ]);
    expect(lab.server.stats.changes.done).toBe(1);
  });

  it('is refused without a token, and asks no relay', async () => {
    expect(await post(`/v1/relay/streams/${id}/failover`, {}, [])).toMatchObject({ status: 401 });
    expect(relays.asked).toEqual([]);
    expect(lab.server.stats.changes.refused).toBe(1);
  });

  it('is no failure where nobody plays', async () => {
    relays.moved = { id, moved: 0, relays: [{ name: 'relay1', moved: 0, problem: null }] };
    expect(await post(`/v1/relay/streams/${id}/failover`)).toMatchObject({ status: 200, json: { moved: 0 } });
  });

  it('says why no client was moved', async () => {
    relays.moved = { id, moved: 0, relays: [{ name: 'relay1', moved: 0, problem: 'The stream has no backups.' }] };
    expect(await post(`/v1/relay/streams/${id}/failover`)).toMatchObject({
      status: 409,
      json: { title: 'No client was moved to another source', detail: 'relay1: The stream has no backups.' },
    });
    expect(audit.lines).toMatchObject([{ result: 'NotFailedOver' }]);
  });

  it('of a stream that no relay has is 404', async () => {
    relays.moved = undefined;
    expect(await post(`/v1/relay/streams/${id}/failover`)).toMatchObject({ status: 404 });
    expect(await post('/v1/relay/streams/x/failover')).toMatchObject({ status: 404 });
    expect(relays.asked).toEqual([`failover ${id}`]);
    expect(audit.lines).toMatchObject([{ result: 'NoSuchStream' }, { result: 'NoSuchStream' }]);
  });
});

describe('settings', () => {
  const settings = { hls_window_size: 8, hls_max_segments: null };

  it('are shown, and changed at one relay with a line in the log', async () => {
    expect((await lab.request('/v1/relay/config')).json).toEqual({
      relays: [{ name: 'relay1', problem: null, config: configOf() }],
    });
    const reply = await post('/v1/relay/config/relay1', { settings, tag: 'abc', operator: 'bob', reason: 'stalls' });
    expect(reply).toMatchObject({ status: 200, json: configOf() });
    expect(relays.asked).toEqual([`configure relay1 ${JSON.stringify(settings)} abc`]);
    expect(audit.lines).toMatchObject([
      {
        audit: true,
        change: 'configure',
        target: 'relay1',
        operator: 'bob',
        reason: 'stalls',
        settings,
        result: 'done',
      },
    ]);
  });

  it('are refused without a token, and asks no relay', async () => {
    expect(await post('/v1/relay/config/relay1', { settings }, [])).toMatchObject({ status: 401 });
    expect(relays.asked).toEqual([]);
  });

  it.each([
    [400, 400, 'BadSettings'],
    [412, 412, 'SettingsChanged'],
    [403, 502, 'NotConfigured'],
    [undefined, 502, 'NotConfigured'],
  ])('that the relay refuses with %s are %i', async (status, expected, result) => {
    relays.configured = { problem: 'It says why.', status };
    expect(await post('/v1/relay/config/relay1', { settings })).toMatchObject({
      status: expected,
      json: { detail: 'It says why.', given: 'relay1' },
    });
    expect(audit.lines).toMatchObject([{ result }]);
  });

  it('of a relay that is not there are 404', async () => {
    expect(await post('/v1/relay/config/mtx1', { settings })).toMatchObject({ status: 404 });
  });

  it.each([
    {},
    { settings: {} },
    { settings: [] },
    { settings: { 'hls-window': 8 } },
    { settings: { hls_window_size: [8] } },
    { settings: { hls_window_size: 'x'.repeat(65) } },
    { settings: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`a${'_'.repeat(i)}`, 1])) },
    { settings: { hls_window_size: 8 }, tag: 'a"b' },
    { settings: { hls_window_size: 8 }, more: 1 },
  ])('are not %j', async (body) => {
    expect(await post('/v1/relay/config/relay1', body)).toMatchObject({ status: 400 });
    expect(relays.asked).toEqual([]);
  });
});

it('without relays there are no streams', async () => {
  await lab.server.stop();
  lab = await startHttpLab({ token });
  expect((await lab.request('/v1/relay/streams')).json).toEqual({ streams: [], total: 0, relays: [] });
  expect(await lab.request(`/v1/relay/streams/${id}`)).toMatchObject({ status: 404 });
  expect((await lab.request(`/v1/streams/${id}/why`)).json).toMatchObject({ relay: null });
  expect(await post(`/v1/relay/streams/${id}/failover`)).toMatchObject({ status: 404 });
  expect((await lab.request('/v1/relay/config')).json).toEqual({ relays: [] });
  expect(await post('/v1/relay/config/relay1', { settings: { hls_window_size: 8 } })).toMatchObject({ status: 404 });
});
