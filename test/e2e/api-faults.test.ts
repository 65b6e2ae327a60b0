import type { SimFault } from '../../src/sim';
import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { profiles } from '../support/matrix';
import { until } from '../support/until';

interface RouteAnswer {
  state: string;
  server: string | null;
}
interface StreamAnswer {
  holders: { server: string; evidence: { ageMs: number; stale: boolean } }[];
}
interface ServersAnswer {
  servers: { name: string; api: { health: string; lastError?: string; inventoryAgeMs?: number } }[];
}

/** Each with what the agent says of it: the delays are far from the client's time-out, on either side. */
const faults: [string, SimFault, RegExp][] = [
  ['stalls', { kind: 'stall' }, /no complete answer within 300 ms$/],
  ['answers 401, late', { kind: 'unauthorized', delayMs: 50 }, /status 401: check mediamtx\.username/],
  ['answers garbage', { kind: 'garbage' }, /no list of paths: /],
  ['answers truncated JSON', { kind: 'truncated' }, /no list of paths: /],
  ['closes half way', { kind: 'cut' }, /UND_ERR_SOCKET$|ECONNRESET$/],
  ['answers 500', { kind: 'status', status: 500 }, /status 500$/],
  ['is gone', { kind: 'refused' }, /ECONNREFUSED$/],
];

describe.each(profiles)(`HAProxy ${haproxyVersion}, %s servers: the Control API of one server`, (profile) => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab({
      sim: { profile },
      agentConfig: { mediamtx: { timeout: '300ms' }, directory: { interval: '200ms' } },
    });
    lab.fleet.server('mtx1').publish('live/a');
    lab.fleet.server('mtx2').publish('live/b');
  });
  afterEach(() => lab.fleet.server('mtx1').clearFaults());
  afterAll(() => lab.stop());

  const route = async (stream: string) => (await lab.agent.get(`/v1/route?stream=${stream}`)).body as RouteAnswer;
  const api = async (name: string) => {
    const { servers } = (await lab.agent.get('/v1/servers')).body as ServersAnswer;
    return servers.find((server) => server.name === name)?.api;
  };

  it.each(faults)(
    '%s: the others are unharmed, its last good answer is used and its age shown',
    async (_what, fault, told) => {
      await lab.located('live/a', 'mtx1');
      await lab.located('live/b', 'mtx2');
      await until('a good API', async () => (await api('mtx1'))?.health === 'ok');
      await lab.fleet.server('mtx1').setFault('api', fault);
      // On a busy machine one answer or another may be late, and then that is the last error.
      await until('mtx1 to be suspect, and why', async () => {
        const seen = await api('mtx1');
        const error = seen?.lastError ?? '';
        return seen?.health === 'suspect' && error.startsWith('server mtx1: paths/list: ') && told.test(error);
      });
      expect((await api('mtx2'))?.health).toBe('ok');

      expect(await route('live/a')).toMatchObject({ state: 'located', server: 'mtx1' });
      expect(await route('live/b')).toMatchObject({ state: 'located', server: 'mtx2' });
      const [holder] = ((await lab.agent.get('/v1/streams/live/a')).body as StreamAnswer).holders;
      expect(holder).toMatchObject({ server: 'mtx1', evidence: { stale: true } });
      expect(holder?.evidence.ageMs).toBeGreaterThan(200);

      const viewers = [lab.player('live/a'), lab.player('live/b')];
      for (const viewer of viewers) {
        expect(await viewer.load()).toBe(200);
        expect(await viewer.round()).toBe(200);
      }
      // A new stream on a healthy server is found although one server cannot be asked.
      lab.fleet.server('mtx3').publish('live/new');
      expect(await lab.player('live/new').load()).toBe(200);
      expect(await route('live/new')).toMatchObject({ state: 'located', server: 'mtx3' });
      lab.fleet.server('mtx3').unpublish('live/new');

      await lab.fleet.server('mtx1').clearFaults();
      await until('mtx1 to recover', async () => (await api('mtx1'))?.health === 'ok');
    },
  );

  it('a stream that nobody is known to have, while one server cannot be asked, is found by HAProxy itself', async () => {
    await lab.fleet.server('mtx1').setFault('api', { kind: 'status', status: 500 });
    await until('mtx1 to be suspect', async () => (await api('mtx1'))?.health === 'suspect');
    lab.fleet.server('mtx1').publish('live/hidden');
    const player = lab.player('live/hidden');
    expect(await player.load()).toBe(200);
    expect(await player.round()).toBe(200);
    expect(player.answers.at(-1)?.server).toBe('mtx1');
  });
});
