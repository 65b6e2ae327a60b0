import type { Agent as Connections } from 'undici';
import { createSimFleet, type SimFleet, type SimFleetOptions } from '../../src/sim';
import { type Agent, type AgentOptions, startAgent } from './agent';
import { type Bridge, type Haproxy, startHaproxy } from './haproxy';
import { type LoopbackBlock, takeLoopbackBlock } from './loopback-block';
import { connectionsFrom, createPlayer, type Player, type PlayerOptions } from './player';
import { until } from './until';

/** A whole installation in an own block of loopback addresses: stand-ins, the shipped haproxy.cfg, the built agent. */
export interface Lab {
  readonly block: LoopbackBlock;
  readonly fleet: SimFleet;
  readonly haproxy: Haproxy;
  /** The first agent; `startSecondAgent` starts the one that HAProxy knows as agent2. */
  agent: Agent;
  /** Starts the first agent again, after a test ended it. */
  restartAgent(): Promise<void>;
  startSecondAgent(): Promise<Agent>;
  /** Waits until HAProxy's check sees this many agents. */
  agentsUp(count: number): Promise<void>;
  player(stream: string, options?: Partial<PlayerOptions>): Player;
  connections(localAddress?: string, count?: number): Connections;
  /** Waits until the agent locates the stream on this server. */
  located(stream: string, server: string): Promise<void>;
  /** Waits until the server's list has the stream: decisions about it need no lookup from then on. */
  listed(stream: string, server: string): Promise<void>;
  stop(): Promise<void>;
}

export interface LabOptions {
  readonly bridge?: Bridge;
  readonly sim?: SimFleetOptions;
  readonly agentConfig?: Record<string, unknown>;
  readonly agentEnv?: Record<string, string>;
  /** The agent keeps routes.map filled. Default false. */
  readonly push?: boolean;
  readonly haproxyEnv?: Record<string, string>;
  /** HAProxy knows no second agent. Default false. */
  readonly isSoleAgent?: boolean;
  /** Another file than the shipped haproxy.cfg. */
  readonly haproxyConfig?: string;
}

export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const closers: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const block = await takeLoopbackBlock();
    closers.push(() => block.release());
    const fleet = await createSimFleet({
      firstAddress: block.address(11),
      identify: true,
      firstSegmentDelayMs: 0,
      variant: 'fmp4',
      trustedProxies: ['127.0.0.0/8'],
      ...options.sim,
    });
    closers.push(() => fleet.stop());
    const bridge = options.bridge ?? 'spoe';
    const home = block.address(1);
    const haproxy = await startHaproxy({
      bind: `${home}:8080`,
      servers: fleet.servers.map(({ address }) => `${address}:8888`),
      ...(options.haproxyConfig === undefined ? {} : { config: options.haproxyConfig }),
      env: {
        MTX_BRIDGE: bridge,
        // Tests share the machine with what they test: what is not about being late must not depend on 100 ms,
        // nor on a check that waits in the same line as the questions.
        MTX_DEADLINE: '5s',
        MTX_CHECK: '5s',
        MTX_AGENT: `${home}:9100`,
        MTX_AGENT_HTTP: `${home}:9101`,
        ...(options.isSoleAgent === true ? {} : { MTX_AGENT2: `${home}:9110`, MTX_AGENT2_HTTP: `${home}:9111` }),
        ...options.haproxyEnv,
      },
    });
    closers.push(() => haproxy.stop());
    const agentOptions = (number: 0 | 1): AgentOptions => ({
      spoe: `${home}:91${number}0`,
      http: `${home}:91${number}1`,
      haproxySocket: haproxy.socket,
      push: options.push,
      env: options.agentEnv,
      ...(options.agentConfig === undefined ? {} : { config: options.agentConfig }),
    });
    const shared = connectionsFrom(undefined, 16);
    closers.push(() => shared.destroy());

    const lab: Lab = {
      block,
      fleet,
      haproxy,
      agent: await startAgent(agentOptions(0)),
      async restartAgent() {
        lab.agent = await startAgent(agentOptions(0));
        closers.push(() => lab.agent.stop());
      },
      async startSecondAgent() {
        const second = await startAgent(agentOptions(1));
        closers.push(() => second.stop());
        return second;
      },
      agentsUp: async (count) => {
        await until(`${count} agents up in HAProxy`, async () => {
          const stat = await haproxy.runtime('show stat');
          const lines = stat.split('\n').filter((line) => /^mtx_agent,agent\d/.test(line));
          const up = lines.filter((line) => /,UP/.test(line));
          // A server that has not been checked yet counts as UP.
          return up.length === count && up.every((line) => /,L\dOK,/.test(line));
        });
      },
      player: (stream, change) => createPlayer({ url: haproxy.url, stream, connections: shared, ...change }),
      connections(localAddress, count) {
        const connections = connectionsFrom(localAddress, count);
        closers.push(() => connections.destroy());
        return connections;
      },
      located: async (stream, server) => {
        await until(`${stream} on ${server}`, async () => {
          const { body } = await lab.agent.get(`/v1/route?stream=${encodeURIComponent(stream)}`);
          return (
            (body as { state: string; server: string }).state === 'located' &&
            (body as { server: string }).server === server
          );
        });
      },
      listed: async (stream, server) => {
        await until(`${stream} in the list of ${server}`, async () => {
          const { body } = await lab.agent.get(`/v1/streams/${stream}`);
          const { holders = [] } = body as { holders?: { server: string; evidence: { source: string } }[] };
          return holders.some((holder) => holder.server === server && holder.evidence.source === 'inventory');
        });
      },
      stop,
    };
    const first = lab.agent;
    closers.push(() => first.stop());
    await lab.agentsUp(1);
    await until('HAProxy to see all servers', async () => {
      const stat = await haproxy.runtime('show stat');
      return (
        stat.split('\n').filter((line) => /^mtx,(?!BACKEND,)/.test(line) && /,UP/.test(line)).length ===
        fleet.servers.length
      );
    });
    return lab;
  } catch (error) {
    await stop();
    throw error;
  }
}
