import { setServerState, setServerWeight } from '../../../src/runtime';
import { recorded, versions } from './recorded';
import { failed, type Replaying, startReplaying } from './replaying';

let haproxy: Replaying;
beforeAll(async () => {
  haproxy = await startReplaying();
});
beforeEach(() => {
  haproxy.socket.commands.length = 0;
});
afterAll(() => haproxy.socket.stop());

describe.each(versions)('recorded from HAProxy %s', (version) => {
  const state = () => setServerState(haproxy.client, 'mtx', 'mtx1', 'drain');
  const weight = () => setServerWeight(haproxy.client, 'mtx', 'mtx1', 7);

  it('carried out: nothing to say', async () => {
    haproxy.reply = recorded(version, 'nothing-to-say');
    expect(await state()).toEqual({ ok: true, value: undefined });
    expect(await weight()).toEqual({ ok: true, value: undefined });
    expect(haproxy.socket.commands).toEqual(['set server mtx/mtx1 state drain', 'set server mtx/mtx1 weight 7']);
  });

  it.each([
    ['no-such-server', 'not-found', 'has no server mtx/mtx1'],
    ['set-server-no-backend', 'not-found', 'has no backend mtx/mtx1'],
    ['permission-denied', 'denied', 'level admin'],
    ['unknown-command', 'unexpected', 'does not know "set server"'],
    ['set-server-bad-state', 'unexpected', "expects 'ready', 'drain' and 'maint'"],
    ['set-weight-static', 'unexpected', 'static LB algorithm'],
    ['show-info', 'unexpected', 'HAProxy answered "set server" of mtx/mtx1 with "Name: HAProxy'],
  ])('%s', async (file, reason, message) => {
    haproxy.reply = recorded(version, file);
    expect(await state()).toMatchObject(failed(reason, message));
    expect(await weight()).toMatchObject(failed(reason, message));
  });
});

it.each([-1, 257, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d as a weight', async (weight) => {
  expect(await setServerWeight(haproxy.client, 'mtx', 'mtx1', weight)).toMatchObject(
    failed('invalid-command', `${weight} is no weight for mtx/mtx1: a whole number from 0 to 256 is`),
  );
  expect(haproxy.socket.commands).toEqual([]);
});
