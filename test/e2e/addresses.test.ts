import { connect, type Socket } from 'node:net';
import { type Agent, startAgent } from '../support/agent';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';

describe('what one address holds keeps out no other', () => {
  let block: LoopbackBlock;
  let agent: Agent;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    block = await takeLoopbackBlock();
    const home = block.address(1);
    agent = await startAgent(
      {
        spoe: `${home}:9100`,
        http: `${home}:9101`,
        haproxySocket: '/nowhere/admin.sock',
        config: { servers: [{ name: 'mtx1', address: `${home}:8888` }] },
      },
      'process',
    );
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  afterAll(async () => {
    await agent.stop();
    await block.release();
  });

  /** Asks for a feed from this address and stays; resolves with the status. */
  function follow(path: string, localAddress: string): Promise<number> {
    const { hostname, port } = new URL(agent.url);
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), localAddress }, () =>
        socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nAccept: text/event-stream\r\n\r\n`),
      );
      sockets.push(socket);
      socket.once('error', reject);
      socket.once('data', (bytes: Buffer) => resolve(Number(bytes.toString('latin1').split(' ')[1])));
    });
  }

  it.each(['/v1/events', '/ui/feed'])('feeds: %s', async (path) => {
    const [greedy, other] = [block.address(3), block.address(4)];
    let held = 0;
    while ((await follow(path, greedy)) === 200) held++;
    expect(held).toBe(32);
    expect(await follow(path, other)).toBe(200);
    // Everybody together has no more than all places.
    const statuses: number[] = [];
    for (let i = 5; i < 40; i++) statuses.push(await follow(path, block.address(i)));
    expect(statuses.filter((status) => status === 200)).toHaveLength(64 - 32 - 1);
  });
});
