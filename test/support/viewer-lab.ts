import { createLogger } from '../../src/log';
import { createPeersServer, createTableWatch, type PeersServer } from '../../src/peers';
import { createSimFleet, type SimFleet, type SimFleetOptions } from '../../src/sim';
import { createViewers, type Viewers } from '../../src/viewers';
import { type Haproxy, startHaproxy } from './haproxy';
import { type LoopbackBlock, takeLoopbackBlock } from './loopback-block';
import { connectionsFrom, createPlayer, type Player } from './player';
import { until } from './until';

/** Stand-ins, HAProxys with the shipped configuration, and, in this process, what watches their tables. */
export interface ViewerLab {
  readonly block: LoopbackBlock;
  readonly fleet: SimFleet;
  readonly nodes: readonly Haproxy[];
  readonly viewers: Viewers;
  /** `stream server`, as the tables told. */
  readonly streamEvidence: string[];
  peers: PeersServer;
  /** Kills a HAProxy and starts another in its place, with empty tables. */
  restartNode(number: number): Promise<void>;
  /** The watch ends, and begins anew without memory. */
  restartWatch(): Promise<void>;
  /** The link to all nodes ends, and begins anew, with the same list of viewers. */
  stopPeers(): Promise<void>;
  startPeers(): Promise<void>;
  player(node: number, stream: string, localAddress?: string): Player;
  /** Until no request is under way at a node, and the watch has acknowledged all that the node's tables had to tell. Nobody may ask meanwhile. */
  allTold(node: number): Promise<void>;
  /** Repeats the last request for a media playlist of a player, over any node. Resolves with the status. */
  again(player: Player, node: number): Promise<number>;
  stop(): Promise<void>;
}

export interface ViewerLabOptions {
  readonly nodes: number;
  readonly goneAfterMs: number;
  /** The clock by which viewers are gone, ms since 1970. Default: time itself. */
  readonly nowMs?: () => number;
  readonly sim?: SimFleetOptions;
}

export async function startViewerLab(options: ViewerLabOptions): Promise<ViewerLab> {
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
    const { nowMs = () => performance.timeOrigin + performance.now() } = options;
    const streamEvidence: string[] = [];
    const makeViewers = () => createViewers({ goneAfterMs: options.goneAfterMs, showAddresses: true, nowMs: nowMs() });
    const makePeers = async (viewers: Viewers): Promise<PeersServer> => {
      const onStream = (stream: string, server: string) => streamEvidence.push(`${stream} ${server}`);
      const server = createPeersServer({
        listener: createTableWatch({ viewers, onStream, nowMs }),
        log: createLogger('silent'),
      });
      await server.listen({ host: block.address(9), port: 9102 });
      return server;
    };
    let viewers = makeViewers();
    let peers = await makePeers(viewers);
    closers.push(() => peers.stop());
    const ticking = setInterval(() => viewers.tick(nowMs()), viewers.tickMs);
    closers.push(() => {
      clearInterval(ticking);
      return Promise.resolve();
    });

    const nodes: Haproxy[] = [];
    const startNode = async (number: number): Promise<void> => {
      const haproxy = await startHaproxy({
        bind: `${block.address(number)}:8080`,
        servers: fleet.servers.map(({ address }) => `${address}:8888`),
        env: {
          MTX_NODE: `lb${number}`,
          MTX_AGENT: `${block.address(9)}:9100`,
          MTX_AGENT_PEER: `${block.address(9)}:9102`,
        },
      });
      nodes[number - 1] = haproxy;
      closers.push(() => haproxy.stop());
    };
    for (let number = 1; number <= options.nodes; number++) await startNode(number);
    await until('all nodes to be heard', () => peers.stats.nodesUp === nodes.length);
    for (const haproxy of nodes) {
      await until('HAProxy to see all servers', async () => {
        const stat = await haproxy.runtime('show stat');
        return stat.split('\n').filter((line) => /^mtx,mtx\d.*,UP/.test(line)).length === fleet.servers.length;
      });
    }
    const pools = new Map<string, ReturnType<typeof connectionsFrom>>();
    const poolOf = (localAddress: string) => {
      let pool = pools.get(localAddress);
      if (pool === undefined) {
        const made = connectionsFrom(localAddress === '' ? undefined : localAddress, 16);
        closers.push(() => made.destroy());
        pools.set(localAddress, made);
        pool = made;
      }
      return pool;
    };
    const nodeUrl = (node: number): string => nodes[node - 1]?.url ?? '';

    return {
      block,
      fleet,
      nodes,
      get viewers() {
        return viewers;
      },
      streamEvidence,
      get peers() {
        return peers;
      },
      async restartNode(number) {
        await nodes[number - 1]?.stop('SIGKILL');
        await startNode(number);
      },
      async restartWatch() {
        await peers.stop();
        viewers = makeViewers();
        peers = await makePeers(viewers);
      },
      stopPeers: () => peers.stop(),
      async startPeers() {
        peers = await makePeers(viewers);
      },
      player: (node, stream, localAddress = '') =>
        createPlayer({ url: nodeUrl(node), stream, connections: poolOf(localAddress) }),
      async allTold(node) {
        const runtime = (command: string) => nodes[node - 1]?.runtime(command) ?? Promise.resolve('');
        await until(`all that node ${node} has to tell`, async () => {
          // The end of a request is told too, after its answer.
          if ((await runtime('show sess')).includes(' fe=viewers ')) return false;
          const link = /id=mtxpilot\(.*?(?=\n {2}\S|$(?![^]))/s.exec(await runtime('show peers'))?.[0] ?? '';
          const tables = [...link.matchAll(/ update=(\d+)\n.* localupdate=(\d+)/g)];
          return tables.length === 2 && tables.every(([, told, latest]) => told === latest);
        });
      },
      async again(player, node) {
        const path = player.answers.findLast(({ kind }) => kind === 'media')?.path;
        if (path === undefined) throw new Error(`${player.stream}: this player has not played`);
        const { statusCode, body } = await poolOf('').request({ origin: nodeUrl(node), path, method: 'GET' });
        await body.dump();
        return statusCode;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The viewer that a player is: `stream|session`. */
export function viewerOf(player: Player): string {
  const path = player.answers.findLast(({ kind }) => kind === 'media')?.path ?? '';
  return `${player.stream}|${new URL(path, 'http://x').searchParams.get('mtxs') ?? ''}`;
}
