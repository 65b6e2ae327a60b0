import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHaproxyControl, type HaproxyControl } from '../../src/control';
import { createDirectory, type Directory } from '../../src/directory';
import type { EventDraft } from '../../src/events/event';
import { createLogger, type Logger } from '../../src/log';
import { createHaproxyNode } from '../../src/runtime';
import { createSimFleet, type SimFleet } from '../../src/sim';
import { createMemoryStore, type Store } from '../../src/store';
import { type FakeHaproxySocket, startFakeHaproxySocket } from './fake-haproxy-socket';
import { type Haproxy, startHaproxy } from './haproxy';
import { type LoopbackBlock, takeLoopbackBlock } from './loopback-block';
import { until } from './until';

/** One HAProxy whose commands are counted, and which can be replaced by another process at the same socket. */
export interface LabNode {
  readonly name: string;
  haproxy: Haproxy;
  readonly socket: FakeHaproxySocket;
  /** `mtx1 ready 1, …`: administrative state as set on the server, and weight. */
  shown(): Promise<string>;
  /** What lookups in routes.map find, `stream server, …`, sorted. */
  routes(): Promise<string>;
  /** Resolves when the process is so old that it is believed to know who watches. */
  settled(): Promise<void>;
  /** Ends the process and starts another one. */
  restart(): Promise<void>;
  end(): Promise<void>;
}

/** Control in this process, before real HAProxys and stand-ins. */
export interface ControlLab {
  readonly block: LoopbackBlock;
  readonly fleet: SimFleet;
  readonly nodes: readonly LabNode[];
  readonly events: EventDraft[];
  readonly store: Store;
  control: HaproxyControl;
  directory: Directory;
  /** Ends control and directory, and starts them again with what the store holds; resolves when so many HAProxys (default: all) are known. */
  restartControl(answering?: number): Promise<void>;
  /** Writes the servers into haproxy.cfg the other way round; a reload then numbers them anew. */
  reverseServers(): void;
  /** Commands that changed a server or cleared its entries, of every node since the last call. */
  changes(): string[];
  /** What was done with the map, without its name, of every node since the last call: `show` reads the whole of it. */
  mapCommands(): string[];
  stop(): Promise<void>;
}

export interface ControlLabOptions {
  readonly nodes?: number;
  readonly servers?: number;
  readonly onApiFailure?: 'suspect' | 'drain';
  readonly weights?: 'config' | 'auto';
  /** Whether routes.map is kept. Default false. */
  readonly map?: boolean;
  readonly log?: Logger;
}

export async function startControlLab(options: ControlLabOptions = {}): Promise<ControlLab> {
  const { nodes: nodeCount = 1, servers = 3, onApiFailure = 'suspect', weights = 'config', map = false } = options;
  const log = options.log ?? createLogger('silent');
  const closers: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const block = await takeLoopbackBlock();
    closers.push(() => block.release());
    const fleet = await createSimFleet({ firstAddress: block.address(11), servers, identify: true });
    closers.push(() => fleet.stop());
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-control-'));
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    const config = join(folder, 'haproxy.cfg');
    const routes = join(folder, 'routes.map');
    writeFileSync(routes, '');
    const lines = fleet.servers.map(({ address }, i) => `    server mtx${i + 1} ${address}:8888`);
    writeFileSync(config, configuration(lines, routes));
    const nodes: LabNode[] = [];
    for (let number = 0; number < nodeCount; number++) {
      const node = await startNode(`lb${number + 1}`, join(folder, `lb${number + 1}.sock`), () =>
        startHaproxy({ bind: `${block.address(1 + number)}:8080`, servers: [], config }),
      );
      closers.push(async () => {
        await node.socket.stop();
        await node.end();
      });
      nodes.push(node);
    }
    const store = createMemoryStore(log);
    closers.push(() => store.close());
    const events: EventDraft[] = [];
    const marks = { changes: new Map<string, number>(), map: new Map<string, number>() };
    /** The commands since the last call, of every node; of several with its name. */
    const since = (mark: Map<string, number>, choose: (command: string) => readonly string[]): string[] =>
      nodes.flatMap(({ name, socket }) => {
        const found = socket.commands.slice(mark.get(name)).flatMap(choose);
        mark.set(name, socket.commands.length);
        return nodeCount === 1 ? found : found.map((command) => `${name}: ${command}`);
      });

    const make = async (answering = nodeCount) => {
      const directory = createDirectory({
        intervalMs: 100,
        staleForMs: 60_000,
        suspectAfter: 3,
        maxStreams: 10_000,
        holders: [],
        lookup: { deadlineMs: 80, ttlMs: 2000, missTtlMs: 500, perSecond: 100 },
        apiTimeoutMs: 1000,
        credentialsFor: () => ({}),
        log,
      });
      directory.start();
      const control = createHaproxyControl({
        nodes: nodes.map(({ name, socket }) => createHaproxyNode({ name, socket: { path: socket.path } })),
        backends: { mediamtx: 'mtx', relay: undefined },
        map: map ? 'routes.map' : null,
        staleForMs: 60_000,
        apiUrlFor: ({ address }) => `http://${address}:9997`,
        directory,
        store,
        emit: (event) => void events.push(event),
        onApiFailure,
        weights,
        // Who watched, counts until HAProxy forgets it: how long a test takes is no matter.
        goneAfterMs: 3_600_000,
        // Commands are counted: on a busy machine a test may outlast the usual time between two comparisons.
        compareMapEveryMs: 3_600_000,
        log,
      });
      await control.start();
      await until(
        'every HAProxy to be known',
        () => control.servers().every((server) => server.nodes.length === answering) && control.servers().length > 0,
      );
      return { directory, control };
    };
    const end = async () => {
      await lab.control.stop();
      await lab.directory.stop();
    };
    const lab: ControlLab = {
      block,
      fleet,
      nodes,
      events,
      store,
      ...(await make()),
      async restartControl(answering) {
        await end();
        Object.assign(lab, await make(answering));
      },
      reverseServers: () => writeFileSync(config, configuration(lines.reverse(), routes)),
      changes: () =>
        since(marks.changes, (command) => (/^(set server|clear table \S+ data)/.test(command) ? [command] : [])),
      mapCommands: () =>
        since(marks.map, (command) => {
          const [, verb, rest] = /^(show|prepare|add|set|del|commit|clear) map(?: @\d+)? \S+(.*)$/.exec(command) ?? [];
          return verb === undefined ? [] : [`${verb}${rest}`];
        }),
      stop,
    };
    closers.push(end);
    return lab;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What of the shipped haproxy.cfg control has to do with, for any number of servers. */
function configuration(lines: readonly string[], routes: string): string {
  return `global
    localpeer haproxy
    stats socket "\${MTX_ADMIN_SOCKET}" mode 600 level admin expose-fd listeners
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
peers mtx
    peer haproxy "\${MTX_PEER}"
frontend viewers
    bind "\${MTX_BIND}"
    http-request set-var(txn.route) path,map_str(${routes})
    default_backend mtx
backend mtx
    balance roundrobin
    stick on path table sessions
    stick store-request path table streams
    default-server check inter 100ms fall 2 rise 1
${lines.join('\n')}
backend sessions
    stick-table type string len 280 size 1k expire 60s peers mtx
backend streams
    stick-table type string len 200 size 1k expire 60s peers mtx
`;
}

async function startNode(name: string, path: string, start: () => Promise<Haproxy>): Promise<LabNode> {
  const link = (haproxy: Haproxy) => {
    rmSync(path, { force: true });
    symlinkSync(haproxy.socket, path);
    return haproxy;
  };
  const node: LabNode = {
    name,
    haproxy: link(await start()),
    socket: await startFakeHaproxySocket(path),
    async shown() {
      const text = await node.haproxy.runtime('show servers state mtx');
      const lines = text.split('\n').filter((line) => /^\d+ mtx /.test(line));
      const words = lines.map((line) => line.split(' '));
      return words
        .map(([, , , server, , , admin, weight]) => {
          const bits = Number(admin);
          return `${server} ${bits & 1 ? 'maint' : bits & 8 ? 'drain' : 'ready'} ${weight}`;
        })
        .join(', ');
    },
    async routes() {
      const reply = await node.haproxy.runtime('show map #0');
      return [...reply.matchAll(/^0x\S+ (\S+) (\S+)$/gm)]
        .map(([, stream, server]) => `${stream} ${server}`)
        .sort()
        .join(', ');
    },
    async settled() {
      await until('HAProxy to have settled', async () =>
        /Uptime_sec: ([6-9]|\d\d)/.test(await node.haproxy.runtime('show info')),
      );
    },
    async restart() {
      await node.end();
      node.haproxy = link(await start());
    },
    end: () => node.haproxy.stop(),
  };
  return node;
}
