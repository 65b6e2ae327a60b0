import type { FleetServer } from '../directory/views';
import type { Logger } from '../log';
import { type HaproxyInfo, type RuntimeClient, type RuntimeError, showInfo, showServersState } from '../runtime';
import { type ApiUrlFor, fleetServers } from './fleet-servers';

export interface ObserverOptions {
  readonly client: RuntimeClient;
  /** HAProxy's name of the backend that holds the MediaMTX servers. */
  readonly backend: string;
  readonly apiUrlFor: ApiUrlFor;
  /** The whole fleet, on the first answer and whenever anything in it changed. Not called while HAProxy cannot be asked. */
  readonly onServers: (servers: readonly FleetServer[]) => void;
  /** The process that answers, on the first answer and after each reload or restart (a new pid, or a younger uptime). */
  readonly onHaproxy: (haproxy: HaproxyInfo) => void;
  readonly log: Logger;
  /** Pause between two polls. Default 1000. */
  readonly intervalMs?: number;
}

export interface ObserverStats {
  polls: number;
  /** Polls without an answer that could be used. */
  failures: number;
  /** Times that another HAProxy process than before answered. */
  reloads: number;
  /** Times that the fleet was reported. */
  changes: number;
}

export interface Observer {
  /** Polls now, and then again and again. A second call does nothing. */
  start(): void;
  /** Gives up what is under way and stops for good; afterwards there is no timer, no connection and no further report. */
  stop(): Promise<void>;
  readonly stats: ObserverStats;
}

/**
 * Watches HAProxy's view of the fleet through the Runtime API. While the socket is away, the last report stands:
 * HAProxy serves viewers whether or not it can be asked.
 */
export function createObserver(options: ObserverOptions): Observer {
  const { client, backend, log, intervalMs = 1000 } = options;
  const stats: ObserverStats = { polls: 0, failures: 0, reloads: 0, changes: 0 };
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let haproxy: HaproxyInfo | undefined;
  let reported: string | undefined;
  let left: string | undefined;
  let trouble: string | undefined;

  const observe = async (): Promise<RuntimeError | undefined> => {
    const info = await showInfo(client, { signal: stopping.signal });
    if (!info.ok) return info.error;
    const states = await showServersState(client, backend, { signal: stopping.signal });
    if (!states.ok) return states.error;
    if (stopping.signal.aborted) return undefined;

    const before = haproxy;
    haproxy = info.value;
    const isAnother =
      before !== undefined && (before.pid !== haproxy.pid || haproxy.uptimeSeconds < before.uptimeSeconds);
    if (isAnother) {
      stats.reloads += 1;
      log.info({ pid: haproxy.pid, before: before.pid, version: haproxy.version }, 'HAProxy was reloaded or restarted');
    }
    if (before === undefined || isAnother) options.onHaproxy(haproxy);

    const servers = fleetServers(states.value, options.apiUrlFor);
    const nowLeft = states.value
      .map((state) => state.serverName)
      .filter((name) => !servers.some((s) => s.name === name));
    sayLeftOut(nowLeft);
    const now = JSON.stringify(servers);
    if (now !== reported) {
      reported = now;
      stats.changes += 1;
      log.debug({ backend, servers }, 'the fleet, as HAProxy sees it');
      options.onServers(servers);
    }
    return undefined;
  };

  const sayLeftOut = (names: readonly string[]) => {
    const now = names.join(' ');
    if (now !== (left ?? '')) {
      if (now !== '')
        log.warn(
          { backend, servers: names },
          'servers without an address are left out, give their API URLs in mediamtx.servers',
        );
      else log.info({ backend }, 'every server has an address again');
    }
    left = now;
  };

  // A trouble is told when it begins, when it becomes another, and when it ends; not at every poll.
  const tell = (error: RuntimeError | undefined) => {
    if (error === undefined) {
      if (trouble !== undefined) log.info({ socket: client.name }, 'HAProxy answers again');
      trouble = undefined;
      return;
    }
    stats.failures += 1;
    if (error.reason === trouble) return;
    trouble = error.reason;
    const standing = reported === undefined ? 'no servers are known yet' : 'the last known servers stay in use';
    log.warn({ socket: client.name, reason: error.reason }, `${error.message}; ${standing}`);
  };

  const poll = async (): Promise<void> => {
    stats.polls += 1;
    const error = await observe();
    if (stopping.signal.aborted) return;
    tell(error);
    timer = setTimeout(() => {
      running = poll();
    }, intervalMs);
  };

  return {
    start() {
      if (running === undefined && !stopping.signal.aborted) running = poll();
    },
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
    stats,
  };
}
