import { realMediaMtx, type Subject, type SubjectOptions, standIn } from '../contract/subject';
import { type Agent, startAgent } from '../support/agent';
import { type Haproxy, haproxyVersion, startHaproxy } from '../support/haproxy';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { connectionsFrom, createPlayer, type Player } from '../support/player';
import { until } from '../support/until';

/*
 * Servers that have a stream without being its publisher's: they pull a copy, or show a filler. On stand-ins, and on real servers where
 * MEDIAMTX_BIN names an executable.
 */
const binary = process.env['MEDIAMTX_BIN'];
const kinds = [standIn('pre-session'), standIn('session'), ...(binary ? [realMediaMtx(binary)] : [])];

interface StreamBody {
  readonly holders: readonly { readonly server: string; readonly pulled: boolean }[];
  readonly fillers: readonly string[];
  readonly conflict: boolean;
}
interface WhyBody {
  readonly state: string;
  readonly server: string | null;
  readonly rule: string;
  readonly evidence: readonly { readonly server: string; readonly says: string }[];
}

describe.each(kinds)(`HAProxy ${haproxyVersion}, $name`, (kind) => {
  let closers: (() => Promise<void>)[];
  let subjects: Subject[];
  let haproxy: Haproxy;
  let agent: Agent;
  let player: (stream: string) => Player;

  /** Servers mtx1, mtx2, …, each with these options. */
  async function start(optionsOf: (block: LoopbackBlock) => Partial<SubjectOptions>[]): Promise<void> {
    const block = await takeLoopbackBlock();
    closers = [() => block.release()];
    subjects = [];
    for (const [i, options] of optionsOf(block).entries()) {
      const address = block.address(11 + i);
      const subject = await kind.start({ address, variant: 'fmp4', trustedProxies: ['127.0.0.0/8'], ...options });
      closers.push(() => subject.stop());
      subjects.push(subject);
    }
    const home = block.address(1);
    haproxy = await startHaproxy({
      bind: `${home}:8080`,
      servers: subjects.map((_, i) => `${block.address(11 + i)}:8888`),
      env: { MTX_AGENT: `${home}:9100`, MTX_AGENT_HTTP: `${home}:9101`, MTX_DEADLINE: '5s', MTX_CHECK: '5s' },
    });
    closers.push(() => haproxy.stop());
    agent = await startAgent({
      spoe: `${home}:9100`,
      http: `${home}:9101`,
      haproxySocket: haproxy.socket,
      push: true,
      config: { directory: { interval: '200ms' } },
    });
    closers.push(() => agent.stop());
    const connections = connectionsFrom(undefined, 16);
    closers.push(() => connections.destroy());
    player = (stream) => createPlayer({ url: haproxy.url, stream, connections });
    await until('HAProxy to see the agent and its servers', async () => {
      const stat = await haproxy.runtime('show stat');
      const up = stat
        .split('\n')
        .filter((line) => /^mtx(_agent)?,(mtx|agent)\d/.test(line) && /,UP,.*,L\dOK,/.test(line));
      return up.length === subjects.length + 1;
    });
  }

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  const mtx = (number: number): Subject => {
    const subject = subjects[number - 1];
    if (subject === undefined) throw new Error(`no server ${number}`);
    return subject;
  };
  const stream = async (name: string) => (await agent.get(`/v1/streams/${name}`)).body as StreamBody;
  const why = async (name: string) => (await agent.get(`/v1/streams/${name}/why?session=s`)).body as WhyBody;
  /** Waits until the agent decides so and HAProxy's map says it. */
  const ruled = (name: string, rule: string, server: string) =>
    until(`${name}: ${rule} ${server}`, async () => {
      const said = await why(name);
      const map = await haproxy.runtime('show map routes.map');
      return said.rule === rule && said.server === server && map.includes(` ${name} ${server}\n`) && said;
    });
  /** What the agent told of streams, `started live/a mtx1`. */
  async function story(): Promise<string[]> {
    const { body } = await agent.get(`/v1/events?after=${'0'.repeat(26)}`);
    const { events } = body as {
      events: { type: string; data: { stream?: string; server?: string; reason?: string } }[];
    };
    return events
      .filter(({ type }) => /^stream\.(started|ended|moved|conflict)$/.test(type))
      .map(({ type, data }) => [type.slice('stream.'.length), data.stream, data.server].join(' '));
  }
  /** The server that answered the last master of a stream that was served. */
  const served = (name: string) =>
    until(`who served ${name}`, () => {
      const lines = haproxy.requests().filter((line) => line.stream === name && line.status === 200);
      return lines.at(-1)?.server;
    });

  it("a server with copies is no conflict: viewers are spread over the publisher's server and the copies", async () => {
    const name = 'live/copied';
    await start((block) => {
      const pulledPath = { name, from: block.address(11) };
      return [{}, { pulledPath }, { pulledPath }];
    });
    await mtx(1).publish(name);
    await mtx(2).pull(name);
    await mtx(3).pull(name);
    const seen = await until('three holders', async () => {
      const now = await stream(name);
      return now.holders.length === 3 && now;
    });
    expect(seen.conflict).toBe(false);
    expect(seen.holders.map(({ server, pulled }) => `${server} ${pulled}`).sort()).toEqual([
      'mtx1 false',
      'mtx2 true',
      'mtx3 true',
    ]);
    expect((await why(name)).rule).toBe('spread-by-session');
    expect((await haproxy.runtime('show map routes.map')).includes(`${name} mtx`)).toBe(false);
    const players = Array.from({ length: 24 }, () => player(name));
    expect(await Promise.all(players.map((one) => one.load()))).toEqual(players.map(() => 200));
    await until('viewers on every server', () => {
      const lines = haproxy.requests().filter((line) => line.stream === name && line.status === 200);
      return new Set(lines.map(({ server }) => server)).size === 3;
    });
    // Each stays where it is.
    expect(await Promise.all(players.map((one) => one.round()))).toEqual(players.map(() => 200));
    expect(await agent.metric('mtxpilot_streams_in_conflict')).toBe(0);

    await mtx(1).unpublish(name);
    await mtx(2).losePulled(name);
    await mtx(3).losePulled(name);
    await until('its end', async () => (await story()).some((line) => line.startsWith('ended')));
    expect((await story()).filter((line) => line.startsWith('conflict') || line.startsWith('moved'))).toEqual([]);
  });

  it('a filler is better than nothing, and a publisher is better than a filler', async () => {
    const name = 'live/always';
    await start(() => [{ alwaysAvailablePath: name }, {}, {}]);
    const said = await ruled(name, 'filler', 'mtx1');
    expect(said.state).toBe('located');
    expect(said.evidence.find(({ server }) => server === 'mtx1')?.says).toBe('filler');
    expect(await stream(name)).toMatchObject({ holders: [], fillers: ['mtx1'], conflict: false });
    const early = player(name);
    expect(await early.load()).toBe(200);
    expect(await served(name)).toBe('mtx1');
    expect(await story()).toEqual([]);

    await mtx(2).publish(name);
    await ruled(name, 'only-holder', 'mtx2');
    // The next one; who watches the filler goes on until he starts again.
    expect(await player(name).load()).toBe(200);
    await until("the publisher's server", async () => (await served(name)) === 'mtx2');
    expect(await early.round()).toBe(200);
    expect(await stream(name)).toMatchObject({ holders: [{ server: 'mtx2' }], fillers: ['mtx1'], conflict: false });

    await mtx(2).unpublish(name);
    await ruled(name, 'filler', 'mtx1');
    expect(await player(name).load()).toBe(200);
    await until('the event', async () => (await story()).includes(`ended ${name} mtx2`));

    await mtx(1).publish(name);
    await ruled(name, 'only-holder', 'mtx1');
    expect(await early.round()).toBe(200);
    await until('the events', async () => (await story()).length === 3);
    expect(await story()).toEqual([`started ${name} mtx2`, `ended ${name} mtx2`, `started ${name} mtx1`]);
  });
});
