import { startAgent } from '../support/agent';
import { startFakeHaproxySocket } from '../support/fake-haproxy-socket';
import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { until } from '../support/until';

/** HAProxy takes ten at a time (`stats maxconn`); the others are for operators and for a second agent. */
const mostConnections = 4;

describe(`HAProxy ${haproxyVersion}: connections at the Runtime socket`, () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab();
  });
  afterAll(() => lab.stop());

  it(`are at most ${mostConnections} at a time, with everything on and every answer late`, async () => {
    const socket = await startFakeHaproxySocket(lab.haproxy.socket);
    const home = lab.block.address(1);
    const agent = await startAgent({
      spoe: `${home}:9110`,
      http: `${home}:9111`,
      haproxySocket: socket.path,
      push: true,
      config: { peers: { listen: 'off' }, check: { atStart: true } },
    });
    try {
      let most = 0;
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      socket.breakWith(() => {
        most = Math.max(most, socket.connections());
        // What may be under way at the same time is, from here on until all of it is.
        if (most === mostConnections) release();
        return { kind: 'delay', until: released };
      });
      let round = 0;
      const askForEverything = async (): Promise<void> => {
        lab.fleet.server('mtx1').publish(`live/${round++}`);
        await Promise.all(['/v1/servers', '/v1/streams/live/0/why', '/v1/viewers'].map((path) => agent.get(path)));
      };
      await until('every connection to be in use', async () => {
        await askForEverything();
        return most >= mostConnections;
      });
      const before = socket.commands.length;
      await until('a hundred commands more', async () => {
        await askForEverything();
        return socket.commands.length > before + 100;
      });
      expect(most).toBe(mostConnections);
    } finally {
      await agent.stop();
      await socket.stop();
    }
  });
});
