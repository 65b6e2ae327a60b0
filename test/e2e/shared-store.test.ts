import { once } from 'node:events';
import { get, Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createSimFleet, type SimFleet } from '../../src/sim';
import { type Agent, startAgent } from '../support/agent';
import { type Haproxy, haproxyVersion, startHaproxy } from '../support/haproxy';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { connectionsFrom, createPlayer, type Player } from '../support/player';
import { type RedisServer, startRedis } from '../support/redis-server';
import { until } from '../support/until';
import { type Receiver, startReceiver } from '../unit/events/receiver';
import { ack, agentHello, haproxyHello, locatedOnMtx3, notify, whereLiveA } from '../unit/spoe/golden';

interface Told {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface ServerView {
  readonly name: string;
  readonly wanted: string;
  readonly intent: { readonly operator: string } | null;
}

const token = 'correct-horse-battery-staple';
const redisPassword = 'open-sesame-if-you-can';

describe(`HAProxy ${haproxyVersion}: two agents that share a Redis`, () => {
  let block: LoopbackBlock;
  let fleet: SimFleet;
  let redis: RedisServer;
  let receiver: Receiver;
  let haproxys: Haproxy[];
  let agents: Agent[];
  const closers: (() => unknown)[] = [];

  beforeEach(async () => {
    block = await takeLoopbackBlock();
    closers.push(() => block.release());
    fleet = await createSimFleet({
      firstAddress: block.address(11),
      identify: true,
      firstSegmentDelayMs: 0,
      variant: 'fmp4',
      trustedProxies: ['127.0.0.0/8'],
    });
    closers.push(() => fleet.stop());
    redis = await startRedis({ password: redisPassword });
    closers.push(() => redis.stop());
    receiver = await startReceiver();
    closers.push(() => receiver.stop());
    haproxys = [];
    agents = [];
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** A HAProxy that both agents hear, or only the one of its number. */
  async function startNode(number: 1 | 2, isHeardBy: 'both' | 'one'): Promise<void> {
    const peer = (agent: 1 | 2) => `${block.address(agent)}:9102`;
    const haproxy = await startHaproxy({
      bind: `${block.address(number)}:8080`,
      servers: fleet.servers.map(({ address }) => `${address}:8888`),
      env: {
        MTX_DEADLINE: '5s',
        MTX_CHECK: '5s',
        MTX_NODE: `lb${number}`,
        MTX_AGENT: `${block.address(1)}:9100`,
        MTX_AGENT2: `${block.address(2)}:9100`,
        MTX_AGENT_PEER: peer(isHeardBy === 'both' ? 1 : number),
        ...(isHeardBy === 'both' ? { MTX_AGENT2_PEER: peer(2) } : {}),
      },
    });
    haproxys.push(haproxy);
    closers.push(() => haproxy.stop());
  }

  /** Agent 1 or 2, before the HAProxy of its number, or the only one. */
  async function startAgentNumber(number: 1 | 2, config: Record<string, unknown> = {}): Promise<Agent> {
    const home = block.address(number);
    const agent = await startAgent({
      spoe: `${home}:9100`,
      http: `${home}:9101`,
      haproxySocket: (haproxys[number - 1] ?? haproxys[0])?.socket ?? '',
      config: {
        http: { token },
        directory: { interval: '100ms' },
        store: { redis: redis.url, password: redisPassword, prefix: 'e2e:' },
        events: {
          endGrace: '3s',
          unwatchedAfter: '500ms',
          webhooks: { hook: { url: receiver.url, streams: '**' } },
        },
        ...config,
      },
    });
    agents[number - 1] = agent;
    closers.push(() => agent.stop('SIGKILL'));
    return agent;
  }

  async function startBoth(): Promise<{ leader: Agent; follower: Agent }> {
    await startNode(1, 'both');
    const leader = await startAgentNumber(1);
    await until('the first agent leads', () => leads(leader));
    const follower = await startAgentNumber(2);
    for (const agent of agents) await until('the link', async () => (await agent.metric('mtxpilot_peers_nodes')) === 1);
    return { leader, follower };
  }

  const leads = async (agent: Agent) => (await agent.metric('mtxpilot_leader')) === 1;

  /** Everything in the log about streams, oldest first. */
  async function logged(agent: Agent): Promise<Told[]> {
    const all: Told[] = [];
    for (let after = '0'.repeat(26); ; ) {
      const { body } = await agent.get(`/v1/events?limit=1000&after=${after}`);
      const { events } = body as { events: Told[] };
      const last = events.at(-1);
      if (last === undefined) return all.filter(({ data }) => typeof data['stream'] === 'string');
      all.push(...events);
      after = last.id;
    }
  }
  const sentence = ({ type, data: { stream, server, from } }: Told) =>
    [type.replace('stream.', ''), stream, from, server].filter((word) => typeof word === 'string').join(' ');
  async function storyOf(agent: Agent, stream: string): Promise<string[]> {
    return (await logged(agent)).filter(({ data }) => data['stream'] === stream).map(sentence);
  }
  async function told(agent: Agent, last: string): Promise<void> {
    await until(last, async () => {
      const all = (await logged(agent)).map(sentence);
      if (!all.includes(last)) throw new Error(`told were: ${all.join('; ')}`);
      return true;
    });
  }

  /** Each event of the log came to the receiver, again only under the same id, and in the order of its stream. */
  async function expectDelivered(agent: Agent): Promise<void> {
    const all = await logged(agent);
    const ids = () => new Set(receiver.accepted.map(({ event }) => event.id));
    await until('everything is delivered', () => all.every(({ id }) => ids().has(id)));
    expect([...ids()].sort()).toEqual((await logged(agent)).map(({ id }) => id));
    const bodies = new Map<string, string>();
    const firsts = new Map<string, string[]>();
    for (const { event, body } of receiver.accepted) {
      if (!bodies.has(event.id)) {
        const stream = String(event.data['stream']);
        firsts.set(stream, [...(firsts.get(stream) ?? []), event.id]);
      }
      expect(bodies.get(event.id) ?? body).toBe(body);
      bodies.set(event.id, body);
    }
    for (const inOrder of firsts.values()) expect(inOrder).toEqual([...inOrder].sort());
  }

  const post = (agent: Agent, path: string, body: Record<string, unknown> = {}) =>
    fetch(agent.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ operator: 'alice', reason: 'test', ...body }),
    });
  const serversOf = async (agent: Agent) => {
    const { body } = await agent.get('/v1/servers');
    return (body as { servers: { control: ServerView | null }[] }).servers.flatMap(({ control }) => control ?? []);
  };
  const serverOf = async (agent: Agent, name: string) => (await serversOf(agent)).find((one) => one.name === name);

  /** Collects what an agent says is wanted of its servers, as often as it can be asked. */
  function watchWanted(agent: Agent): { seen: Set<string>; end(): Promise<void> } {
    const seen = new Set<string>();
    let isOver = false;
    const looking = (async () => {
      while (!isOver) for (const { name, wanted } of await serversOf(agent)) seen.add(`${name} ${wanted}`);
    })();
    closers.push(() => {
      isOver = true;
      return looking;
    });
    return {
      seen,
      async end() {
        isOver = true;
        await looking;
      },
    };
  }

  async function play(haproxy: Haproxy | undefined, stream: string): Promise<Player> {
    const connections = connectionsFrom(undefined, 2);
    closers.push(() => connections.destroy());
    const player = createPlayer({ url: haproxy?.url ?? '', stream, connections });
    expect(await player.load()).toBe(200);
    expect(await player.round()).toBe(200);
    return player;
  }

  it('one tells; killed with SIGKILL, the other goes on: nothing lost, nothing told twice, duplicates under the same id', async () => {
    const { leader, follower } = await startBoth();
    const server = (name: string) => fleet.server(name);
    server('mtx1').publish('live/stays');
    server('mtx1').publish('live/moves');
    server('mtx1').publish('live/ends');
    await told(follower, 'started live/ends mtx1');
    await play(haproxys[0], 'live/stays');
    await told(follower, 'watched live/stays mtx1');
    await until('all are told', async () => (await logged(follower)).length === 4);

    leader.child.process.kill('SIGKILL');
    // While nobody tells: what lasts, and what is over before anybody does.
    fleet.move('live/moves', 'mtx2');
    server('mtx1').unpublish('live/ends');
    server('mtx2').publish('live/short');
    await until('it is seen', async () => (await follower.get('/v1/streams/live/short')).status === 200);
    server('mtx2').unpublish('live/short');
    await until('it is over', async () => (await follower.get('/v1/streams/live/short')).status === 404);
    server('mtx3').publish('live/new');
    await until('the follower leads', () => leads(follower));
    await until('it tells', async () => (await logged(follower)).length > 4);
    // How soon, is the lease's: test/contract/store-redis.test.ts.

    await told(follower, 'started live/new mtx3');
    await told(follower, 'ended live/ends mtx1');
    await told(follower, 'unwatched live/stays mtx1');
    server('mtx3').unpublish('live/new');
    await told(follower, 'ended live/new mtx3');
    expect(await storyOf(follower, 'live/stays')).toEqual([
      'started live/stays mtx1',
      'watched live/stays mtx1',
      'unwatched live/stays mtx1',
    ]);
    expect(await storyOf(follower, 'live/moves')).toEqual(['started live/moves mtx1', 'moved live/moves mtx1 mtx2']);
    expect(await storyOf(follower, 'live/ends')).toEqual(['started live/ends mtx1', 'ended live/ends mtx1']);
    expect(await storyOf(follower, 'live/short')).toEqual(['started live/short mtx2', 'ended live/short mtx2']);
    expect(await storyOf(follower, 'live/new')).toEqual(['started live/new mtx3', 'ended live/new mtx3']);
    await expectDelivered(follower);

    // The one that was killed comes back, and follows; what it tells of its own start is in the same log.
    const back = await startAgentNumber(1);
    server('mtx1').publish('live/later');
    await told(back, 'started live/later mtx1');
    expect([await leads(back), await leads(follower)]).toEqual([false, true]);
    expect(await storyOf(back, 'live/later')).toEqual(['started live/later mtx1']);
    await expectDelivered(back);
  });

  it('one that hung and did not know that another leads tells nothing twice', async () => {
    const { leader, follower } = await startBoth();
    for (let n = 0; n < 5; n++) fleet.server('mtx1').publish(`live/${n}`);
    await until('all are told', async () => (await logged(follower)).length === 5);
    leader.child.process.kill('SIGSTOP');
    for (let n = 0; n < 5; n++) fleet.move(`live/${n}`, 'mtx2');
    await until('the follower leads', () => leads(follower));
    await until('all moved', async () => (await logged(follower)).length === 10);
    leader.child.process.kill('SIGCONT');
    await until('it knows', async () => !(await leads(leader)));
    fleet.server('mtx3').publish('live/after');
    await told(leader, 'started live/after mtx3');
    for (let n = 0; n < 5; n++) {
      expect(await storyOf(leader, `live/${n}`)).toEqual([`started live/${n} mtx1`, `moved live/${n} mtx1 mtx2`]);
    }
    await expectDelivered(leader);
  });

  it('an order given to one is carried out and shown by the other, is nobody else’s doing there, and survives both', async () => {
    const { leader, follower } = await startBoth();
    fleet.server('mtx1').publish('live/a');
    fleet.server('mtx3').publish('live/a');
    for (const agent of agents) {
      await until('both holders', async () => {
        const { body } = await agent.get('/v1/streams/live/a');
        return ((body as { holders?: unknown[] }).holders ?? []).length === 2;
      });
    }
    const watches = agents.map(watchWanted);
    expect((await post(follower, '/v1/servers/mtx2/drain')).status).toBe(200);
    expect((await post(follower, '/v1/streams/live/a/move', { server: 'mtx1' })).status).toBe(200);
    await until('the other shows it', async () => (await serverOf(leader, 'mtx2'))?.intent?.operator === 'alice');
    await until('the other routes by it', async () => {
      const { body } = await leader.get('/v1/route?stream=live/a');
      return (body as { server: string }).server === 'mtx1';
    });
    expect((await post(leader, '/v1/servers/mtx3/maint')).status).toBe(200);
    await until('both show both', async () => {
      const wanted = await Promise.all(
        agents.map(async (agent) => (await serversOf(agent)).map(({ name, wanted: kind }) => `${name} ${kind}`)),
      );
      return wanted.every((all) => all.includes('mtx2 drain') && all.includes('mtx3 maint'));
    });
    for (const watch of watches) {
      await watch.end();
      expect([...watch.seen].filter((line) => line.endsWith('external'))).toEqual([]);
    }
    const states = await haproxys[0]?.runtime('show servers state mtx');
    expect(states).toContain('mtx2');

    for (const agent of agents) await agent.stop('SIGKILL');
    await redis.halt('SIGKILL');
    await redis.restart();
    const again = await startAgentNumber(1);
    expect(await serverOf(again, 'mtx2')).toMatchObject({ wanted: 'drain', intent: { operator: 'alice' } });
    expect(await serverOf(again, 'mtx3')).toMatchObject({ wanted: 'maint' });
    await until('the move is in force', async () => {
      const { body } = await again.get('/v1/route?stream=live/a');
      return (body as { server: string; rule?: string }).server === 'mtx1';
    });
  });

  it('Redis ends and returns: both route on, orders are refused clearly, what happened meanwhile is told once, nothing is forgotten', async () => {
    const { leader, follower } = await startBoth();
    fleet.server('mtx1').publish('live/a');
    await told(leader, 'started live/a mtx1');
    expect((await post(leader, '/v1/servers/mtx2/drain')).status).toBe(200);
    await redis.halt('SIGKILL');
    for (const agent of agents) {
      await until('it knows that Redis is away', async () => (await agent.metric('mtxpilot_store_up')) === 0);
      await until('nobody leads', async () => !(await leads(agent)));
    }
    fleet.server('mtx1').publish('live/meanwhile');
    fleet.move('live/a', 'mtx3');
    for (const agent of agents) {
      for (const [stream, server] of [
        ['live/a', 'mtx3'],
        ['live/meanwhile', 'mtx1'],
      ]) {
        await until(`${stream} is routed`, async () => {
          const { body } = await agent.get(`/v1/route?stream=${stream}`);
          return (body as { server: string; state: string }).server === server;
        });
      }
      const refused = await post(agent, '/v1/servers/mtx1/drain');
      expect(refused.status).toBe(503);
      expect(await refused.json()).toMatchObject({ detail: expect.stringContaining('nothing was done') as string });
      expect(await agent.get('/readyz')).toMatchObject({ status: 200, body: { store: { up: false, leader: false } } });
    }
    // What the leader was told just before may not have come to the follower, who is in doubt then.
    expect((await serverOf(leader, 'mtx2'))?.wanted).toBe('drain');
    expect((await serverOf(follower, 'mtx2'))?.wanted).not.toBe('external');
    fleet.server('mtx1').unpublish('live/meanwhile');
    await until('it is over', async () => (await follower.get('/v1/streams/live/meanwhile')).status === 404);

    await redis.restart();
    await until('one leads', async () => (await leads(leader)) || (await leads(follower)));
    await told(leader, 'moved live/a mtx1 mtx3');
    await told(leader, 'ended live/meanwhile mtx1');
    expect(await storyOf(leader, 'live/a')).toEqual(['started live/a mtx1', 'moved live/a mtx1 mtx3']);
    expect(await storyOf(leader, 'live/meanwhile')).toEqual([
      'started live/meanwhile mtx1',
      'ended live/meanwhile mtx1',
    ]);
    await expectDelivered(leader);
    for (const agent of agents) {
      await until('it knows what is wanted', async () => (await serverOf(agent, 'mtx2'))?.wanted === 'drain');
    }
    expect((await post(follower, '/v1/servers/mtx2/ready')).status).toBe(200);
    expect(agents.flatMap(({ child }) => child.lines).join('\n')).not.toContain(redisPassword);
  });

  /** Asks over one connection that is kept, as long as the agent keeps it; another one is counted. */
  function overOneConnection({ url }: Agent): { get(path: string): Promise<string>; readonly connections: number } {
    const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });
    closers.push(() => agent.destroy());
    const sockets = new Set<Socket>();
    return {
      async get(path) {
        const request = get(url + path, { agent });
        request.once('socket', (socket) => sockets.add(socket));
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        return text(response);
      },
      get connections() {
        return sockets.size;
      },
    };
  }

  /** A connection as HAProxy's, beyond its HELLO. */
  async function overSpoe(host: string): Promise<(ids: string) => Promise<Buffer>> {
    const socket = connect(9100, host);
    closers.push(() => socket.destroy());
    const ask = async (frame: Buffer): Promise<Buffer> => {
      socket.write(frame);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      return answer;
    };
    expect(await ask(haproxyHello)).toEqual(agentHello);
    return (ids) => ask(notify(ids, whereLiveA));
  }

  it('an agent that starts while Redis is away routes at once, takes no orders, and takes up what is kept there when it is back, over the same connections', async () => {
    await startNode(1, 'both');
    const first = await startAgentNumber(1);
    await until('it leads', () => leads(first));
    fleet.server('mtx1').publish('live/a');
    await told(first, 'started live/a mtx1');
    expect((await post(first, '/v1/servers/mtx2/drain')).status).toBe(200);
    await first.stop();
    await redis.halt('SIGKILL');

    const agent = await startAgentNumber(1);
    fleet.move('live/a', 'mtx3');
    await until('the stream is routed', async () => {
      const { body } = await agent.get('/v1/route?stream=live/a');
      return (body as { server: string }).server === 'mtx3';
    });
    const [haproxy] = haproxys;
    if (haproxy === undefined) throw new Error('no HAProxy');
    await until('HAProxy asks it', async () =>
      /^mtx_agent,agent1,.*,UP,.*,L\dOK,/m.test(await haproxy.runtime('show stat')),
    );
    const player = await play(haproxy, 'live/a');
    expect(new Set(player.answers.map(({ server }) => server))).toEqual(new Set(['mtx3']));
    expect(await agent.get('/readyz')).toMatchObject({ status: 200, body: { store: { up: false, leader: false } } });
    expect((await post(agent, '/v1/servers/mtx1/drain')).status).toBe(503);
    // The drain is in HAProxy, and whose it was is not known here.
    await until('it is taken for somebody else’s', async () => (await serverOf(agent, 'mtx2'))?.wanted !== 'ready');

    const http = overOneConnection(agent);
    expect(await http.get('/metrics')).toMatch(/^mtxpilot_leader 0$/m);
    const spoe = await overSpoe(block.address(1));
    expect(await spoe('01 01')).toEqual(ack('01 01', locatedOnMtx3));

    await redis.restart();
    await until('it leads', async () => /^mtxpilot_leader 1$/m.test(await http.get('/metrics')));
    expect(http.connections).toBe(1);
    expect(await spoe('02 01')).toEqual(ack('02 01', locatedOnMtx3));
    await until('the order is known', async () => (await serverOf(agent, 'mtx2'))?.intent?.operator === 'alice');
    // The order is read first; what HAProxy was found to hold is taken for it when HAProxy is next looked at.
    await until('the drain is its own', async () => (await serverOf(agent, 'mtx2'))?.wanted === 'drain');
    await told(agent, 'moved live/a mtx1 mtx3');
    // What happened while Redis was away is told too.
    await told(agent, 'watched live/a mtx3');
    const life = (await storyOf(agent, 'live/a')).filter((each) => !each.includes('watched'));
    expect(life).toEqual(['started live/a mtx1', 'moved live/a mtx1 mtx3']);
    await expectDelivered(agent);
    expect((await post(agent, '/v1/servers/mtx2/ready')).status).toBe(200);
    // HAProxy's checks never failed meanwhile.
    expect(await haproxy.runtime('show stat')).toMatch(/^mtx_agent,agent1,.*,UP,.*,L\dOK,/m);
    await play(haproxy, 'live/a');
    expect(agent.child.process.exitCode).toBe(null);
    await agent.stop();
    expect(agent.child.lines.join('\n')).not.toContain(redisPassword);
  });

  it('an agent ends at once while it waits for Redis', async () => {
    await startNode(1, 'both');
    await redis.halt('SIGKILL');
    const agent = await startAgentNumber(1);
    await agent.stop();
    expect(agent.child.lines.some((line) => line.includes('"stopped"'))).toBe(true);
  });

  it('a drain that one decided on its own is carried out as everybody’s, and ended by the other when that one is gone', async () => {
    await startNode(1, 'both');
    const drain = { control: { onApiFailure: 'drain' } };
    const leader = await startAgentNumber(1, drain);
    await until('the first agent leads', () => leads(leader));
    const follower = await startAgentNumber(2, drain);
    for (const agent of agents) {
      await until('all APIs to answer', async () => {
        const { body } = await agent.get('/v1/servers');
        return (body as { servers: { api: { health: string } }[] }).servers.every(({ api }) => api.health === 'ok');
      });
    }
    const watches = agents.map(watchWanted);
    await fleet.server('mtx2').setFault('api', { kind: 'status', status: 500 });
    for (const agent of agents) {
      await until('both to drain it', async () => (await serverOf(agent, 'mtx2'))?.wanted === 'drain');
    }
    await watches[0]?.end();
    leader.child.process.kill('SIGKILL');
    await until('the follower leads', () => leads(follower));
    expect((await serverOf(follower, 'mtx2'))?.wanted).toBe('drain');
    await fleet.server('mtx2').clearFaults();
    await until('it is ready again', async () => {
      const states = (await haproxys[0]?.runtime('show servers state mtx')) ?? '';
      return states.split('\n').some((line) => line.split(' ')[3] === 'mtx2' && line.split(' ')[6] === '0');
    });
    await watches[1]?.end();
    const seen = watches.flatMap((watch) => [...watch.seen]);
    expect(seen).toContain('mtx2 drain');
    expect(seen.filter((line) => line.endsWith('external'))).toEqual([]);
  });

  it('each with a HAProxy of its own: both count the viewers of both, and a drain is carried out in both', async () => {
    await startNode(1, 'one');
    await startNode(2, 'one');
    await startAgentNumber(1);
    await startAgentNumber(2);
    fleet.server('mtx1').publish('live/a');
    for (const agent of agents) {
      await until('the link', async () => (await agent.metric('mtxpilot_peers_nodes')) === 1);
      await until('it is known', async () => (await agent.get('/v1/streams/live/a')).status === 200);
    }
    let isOver = false;
    const players = [
      await play(haproxys[0], 'live/a'),
      await play(haproxys[0], 'live/a'),
      await play(haproxys[1], 'live/a'),
    ];
    const playing = (async () => {
      while (!isOver) for (const player of players) await player.round();
    })();
    for (const agent of agents) {
      await until('three viewers', async () => {
        const { body } = await agent.get('/v1/viewers');
        const { total, streams, nodes } = body as Record<string, { viewers: number; name: string }[]> & {
          total: { viewers: number };
        };
        return total.viewers === 3 && streams?.[0]?.viewers === 3 && nodes?.length === 2;
      });
      expect(await agent.metric('mtxpilot_viewers')).toBe(3);
    }
    isOver = true;
    await playing;
    expect((await post(agents[0] as Agent, '/v1/servers/mtx2/drain')).status).toBe(200);
    await until('the other HAProxy drains it', async () => {
      const states = (await haproxys[1]?.runtime('show servers state mtx')) ?? '';
      return states.split('\n').some((line) => line.split(' ')[3] === 'mtx2' && line.split(' ')[6] === '8');
    });
    expect((await serverOf(agents[1] as Agent, 'mtx2'))?.wanted).toBe('drain');
  });
});
