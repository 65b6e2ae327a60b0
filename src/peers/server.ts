import { type AddressInfo, createServer, type Socket } from 'node:net';
import { boundedLog, type Logger } from '../log';
import { addressKey, listenOn, type PlaceHolder, whoGoes } from '../wire';
import { type ConnectionContext, createConnection, type PeerConnection } from './connection';
import { createPeersStats, type PeersStats } from './stats';
import type { PeersListener } from './touch';

export interface PeersServerOptions {
  readonly listener: PeersListener;
  readonly log: Logger;
  /** A clock that never goes back, in milliseconds. Default: `performance.now`. */
  readonly nowMs?: () => number;
  /** Whether the `peers` section of haproxy.cfg also has other HAProxys, which a HAProxy without tables should ask too. Default false. */
  readonly hasSiblings?: boolean;
  /** Longest body of a message. Default 65,536; HAProxy's own fit its `tune.bufsize`, 16,384 unless set. */
  readonly maxBodyBytes?: number;
  /**
   * When so many are open, a new one takes the place of the longest silent that never told anything of a table; without one it is closed at once
   * and counted as refused. Default 256.
   */
  readonly maxConnections?: number;
  /** HAProxys of different names at a time; the same holds for them. Default 64. */
  readonly maxNodes?: number;
  /** Default 5,000. */
  readonly helloTimeoutMs?: number;
  /** Pause between two heartbeats. HAProxy closes after 5,000 without one. Default 3,000. */
  readonly heartbeatMs?: number;
  /** A link on which nothing came for so long is closed. Default 10,000. */
  readonly silenceMs?: number;
  /** How long HAProxy may take to tell all its tables. Default 30,000. */
  readonly dumpTimeoutMs?: number;
  /** How soon another dump is asked for when HAProxy was not in sync itself. Default 1,000. */
  readonly dumpRetryMs?: number;
}

export interface PeersServer {
  /** Starts to accept connections. Rejects with the address and the reason when it cannot. */
  listen(address: { readonly host: string; readonly port: number }): Promise<void>;
  /** What it listens on; null when it does not. */
  address(): AddressInfo | null;
  /** Closes everything; the listener hears of every node that it is down. HAProxy tries again every 5 s. */
  stop(): Promise<void>;
  readonly stats: PeersStats;
}

/** Links of one HAProxy; there are several while a reload hands over from one process to the next. */
interface Node {
  pid: number;
  /** The newest speaks for the node. */
  current: PeerConnection;
  /** Whether `current` has told its tables. */
  isUp: boolean;
  readonly retired: Set<PeerConnection>;
}

/** A connection and what is known of who is at its other end; what it is for is to tell of tables. */
interface Link extends PlaceHolder {
  hasAsked: boolean;
  lastMs: number;
  /** Undefined before the greeting. */
  node: string | undefined;
  readonly connection: PeerConnection;
}

const maxRetiredLinks = 3;
/** A host that vanished without a word is noticed by the silence. */
const keepAliveAfterMs = 30_000;

/**
 * Makes the agent's end of HAProxy's peers protocol 2.1: HAProxy connects to it and pushes what its stick tables learn. It teaches HAProxy nothing.
 *
 * There are no passwords in this protocol: listen on loopback, or where only HAProxy can connect.
 */
export function createPeersServer(options: PeersServerOptions): PeersServer {
  const { listener, nowMs = () => performance.now(), maxNodes = 64, maxConnections = 256 } = options;
  // Each connection can cause a line.
  const log = boundedLog(options.log, { nowMs });
  const stats = createPeersStats();
  const context: ConnectionContext = {
    stats,
    log,
    nowMs,
    resyncAnswer: options.hasSiblings === true ? 'resyncPartial' : 'resyncFinished',
    maxBodyBytes: options.maxBodyBytes ?? 65_536,
    helloTimeoutMs: options.helloTimeoutMs ?? 5000,
    heartbeatMs: options.heartbeatMs ?? 3000,
    silenceMs: options.silenceMs ?? 10_000,
    backlogMs: 100,
    ackMs: 100,
    dumpTimeoutMs: options.dumpTimeoutMs ?? 30_000,
    dumpRetry: { firstMs: options.dumpRetryMs ?? 1000, longestMs: 30_000 },
  };
  const links = new Set<Link>();
  const nodes = new Map<string, Node>();
  let stopping: Promise<void> | undefined;
  let onAllClosed: () => void = () => undefined;

  const server = createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfterMs },
    (socket: Socket) => onConnection(socket),
  );

  function onConnection(socket: Socket): void {
    if (links.size >= maxConnections && !makePlace(() => true)) {
      stats.connectionsRefused++;
      socket.destroy();
      return;
    }
    stats.connectionsOpen++;
    stats.connectionsTotal++;
    const connection = createConnection(socket, context, {
      onHello({ node, pid }) {
        if (!nodes.has(node) && nodes.size >= maxNodes && !makePlace(isNode)) {
          stats.connectionsRefused++;
          log.warn({ node, maxNodes }, 'peers: refusing a HAProxy, there are too many names');
          return false;
        }
        link.node = node;
        takeOver(node, pid, connection);
        return true;
      },
      onTouch(touch) {
        hasTold(link);
        listener.onTouch(touch);
      },
      onSynced() {
        hasTold(link);
        nodeUp(link.node, connection);
      },
      onClosed() {
        links.delete(link);
        stats.connectionsOpen--;
        if (link.node !== undefined) onLinkClosed(link.node, connection);
        if (stats.connectionsOpen === 0) onAllClosed();
      },
    });
    const link: Link = {
      address: addressKey(socket.remoteAddress),
      hasAsked: false,
      lastMs: nowMs(),
      node: undefined,
      connection,
    };
    links.add(link);
  }

  function hasTold(link: Link): void {
    link.hasAsked = true;
    link.lastMs = nowMs();
  }

  /** Whether a link speaks for a node. */
  function isNode({ node, connection }: Link): boolean {
    return node !== undefined && nodes.get(node)?.current === connection;
  }

  /** HAProxy tells its tables within moments: a connection that holds a place and tells nothing is not one of its. */
  function makePlace(isOfUse: (link: Link) => boolean): boolean {
    const leaving = whoGoes(links, (link) => !link.hasAsked && isOfUse(link));
    if (leaving === undefined) return false;
    const { node, address, connection } = leaving;
    log.warn({ node, address }, 'peers: closing a silent connection for a new one');
    links.delete(leaving);
    connection.close('displaced');
    if (node !== undefined) onLinkClosed(node, connection);
    return true;
  }

  /** The newest link wins: the one before belongs to a process that a reload is about to end, or is dead without our knowing. */
  function takeOver(name: string, pid: number, connection: PeerConnection): void {
    const node = nodes.get(name);
    if (node === undefined) {
      nodes.set(name, { pid, current: connection, isUp: false, retired: new Set() });
      return;
    }
    node.current.retire();
    node.retired.add(node.current);
    node.current = connection;
    node.pid = pid;
    nodeDown(name, node);
    for (const link of node.retired) {
      if (node.retired.size <= maxRetiredLinks) break;
      node.retired.delete(link);
      link.close('replaced');
    }
  }

  function nodeUp(name: string | undefined, connection: PeerConnection): void {
    const node = name === undefined ? undefined : nodes.get(name);
    if (name === undefined || node?.current !== connection) return;
    node.isUp = true;
    stats.nodesUp++;
    log.info({ node: name, pid: node.pid }, 'peers: HAProxy sends its tables');
    listener.onNodeUp({ node: name, pid: node.pid });
  }

  function nodeDown(name: string, node: Node): void {
    if (!node.isUp) return;
    node.isUp = false;
    stats.nodesUp--;
    listener.onNodeDown(name);
  }

  function onLinkClosed(name: string, connection: PeerConnection): void {
    const node = nodes.get(name);
    if (node === undefined) return;
    node.retired.delete(connection);
    if (node.current !== connection) return;
    nodes.delete(name);
    // An older link that is still alive comes back as a new one, and tells its tables again.
    for (const link of node.retired) link.close('replaced');
    if (node.isUp && stopping === undefined) log.info({ node: name, pid: node.pid }, 'peers: HAProxy is gone');
    nodeDown(name, node);
  }

  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (server.listening) server.close(() => resolve());
      else resolve();
    });
    await new Promise<void>((resolve) => {
      onAllClosed = resolve;
      if (stats.connectionsOpen === 0) resolve();
      for (const { connection } of links) connection.close();
    });
    await closed;
  }

  return {
    stats,
    listen: (address) => listenOn(server, address, { who: 'peers', log }),
    address: () => server.address() as AddressInfo | null,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}
