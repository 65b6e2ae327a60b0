import { createServer, type Server } from 'node:http';
import { createSimFleet, type SimFleet } from '../../src/sim';
import { type Haproxy, haproxyVersion, startHaproxy } from '../support/haproxy';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { until } from '../support/until';

/** The shipped file in front of three servers, without an agent. */
async function startAlone(block: LoopbackBlock): Promise<Haproxy> {
  const haproxy = await startHaproxy({
    bind: `${block.address(1)}:8080`,
    servers: [11, 12, 13].map((n) => `${block.address(n)}:8888`),
    env: { MTX_AGENT: `${block.address(9)}:9100` },
  });
  await until('HAProxy to see all servers, and no agent', async () => {
    const lines = (await haproxy.runtime('show stat')).split('\n');
    const isUp = lines.filter((line) => /^mtx,mtx\d.*,UP,.*,L\dOK,/.test(line)).length === 3;
    return isUp && lines.some((line) => /^mtx_agent,agent1,.*,DOWN,/.test(line));
  });
  return haproxy;
}

describe(`HAProxy ${haproxyVersion}, without an agent: a master of a stream that it has not seen`, () => {
  let block: LoopbackBlock;
  let haproxy: Haproxy;
  const servers: Server[] = [];
  let fleet: SimFleet | undefined;

  beforeEach(async () => {
    block = await takeLoopbackBlock();
  });
  afterEach(async () => {
    await haproxy.stop();
    await fleet?.stop();
    for (const server of servers.splice(0)) server.close().closeAllConnections();
    await block.release();
  });

  it('is found although other requests take its turn at the server that has it, again and again', async () => {
    // Each other request takes one turn of the round robin: HEAD is not tried again.
    const takeTurnOf = async (server: string): Promise<void> => {
      let from: string | null = null;
      while (from !== server) {
        const answer = await fetch(`${haproxy.url}/live/other/index.m3u8`, { method: 'HEAD' });
        from = answer.headers.get('server-name');
      }
    };
    let unlucky = 0;
    for (const n of [11, 12, 13]) {
      const name = `mtx${n - 10}`;
      const server = createServer((request, response) => {
        const answer = async (): Promise<void> => {
          const isSought = request.url?.startsWith('/live/sought/') === true;
          if (isSought && name !== 'mtx3' && unlucky < 15) {
            unlucky++;
            await takeTurnOf('mtx3');
          }
          response.writeHead(isSought && name === 'mtx3' ? 200 : 404, { 'server-name': name }).end();
        };
        answer().catch((error: unknown) => response.destroy(error as Error));
      });
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(8888, block.address(n), resolve));
    }
    haproxy = await startAlone(block);
    await takeTurnOf('mtx3');
    const answer = await fetch(`${haproxy.url}/live/sought/index.m3u8`);
    expect(unlucky).toBe(15);
    expect([answer.status, answer.headers.get('server-name')]).toEqual([200, 'mtx3']);
  });

  it('starts a source that does not come on one server and another, and not on all of them again and again', async () => {
    const never = { startDelayMs: 'never', startTimeoutMs: 8_000 } as const;
    fleet = await createSimFleet({
      firstAddress: block.address(11),
      profile: 'pre-session',
      paths: [{ name: '~^dead/', onDemand: never }],
    });
    haproxy = await startAlone(block);
    await expect(fetch(`${haproxy.url}/dead/a/index.m3u8`)).rejects.toThrow();
    const starts = fleet.servers.map((server) => server.starts().get('dead/a') ?? 0);
    expect(starts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(2);
  });
});
