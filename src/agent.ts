import { setFlagsFromString } from 'node:v8';
import { startUpCheck } from './check';
import { mediamtxAccess, type Settings } from './config';
import { createObserver } from './control';
import { createDirectory, type Directory, type FleetServer } from './directory';
import { createHttpServer } from './http';
import type { Logger } from './log';
import { createMetrics } from './metrics';
import { createRouter, withCanaries, withDecisionLog } from './router';
import { createRuntimeClient } from './runtime';
import { createSpoeServer } from './spoe';
import { version } from './version';

/** The sidecar while it runs. */
export interface RunningAgent {
  /** Stops taking questions, finishes those in hand, closes everything. */
  stop(): Promise<void>;
}

/**
 * Starts the agent: the directory, the SPOE and HTTP servers, and the eye on HAProxy (or the static list of servers).
 *
 * @throws Error when an address cannot be listened on; nothing is left running then.
 */
export async function runAgent(settings: Settings, log: Logger): Promise<RunningAgent> {
  keepHeapSmall();
  const directory = createDirectory({
    intervalMs: settings.directory.interval,
    staleForMs: settings.directory.staleFor,
    suspectAfter: settings.directory.suspectAfter,
    maxStreams: settings.directory.maxStreams,
    holders: settings.holders,
    lookup: {
      deadlineMs: settings.lookup.deadline,
      ttlMs: settings.lookup.ttl,
      missTtlMs: settings.lookup.missTtl,
      perSecond: settings.lookup.budget,
    },
    apiTimeoutMs: settings.mediamtx.timeout,
    credentialsFor: (server) => {
      const { username, password } = mediamtxAccess(settings, { name: server, address: '-' });
      return { username, password };
    },
    log,
  });
  const router = withDecisionLog(withCanaries(createRouter(directory), directory), log);
  const metrics = createMetrics();
  const closers: (() => Promise<void>)[] = [() => directory.stop()];
  const stop = async (): Promise<void> => {
    // Last started, first stopped: nobody asks a directory that has stopped.
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    metrics.addDirectory(directory);
    directory.start();
    const fleet = watchFleet(settings, directory, log);
    closers.push(fleet.stop);
    if (fleet.stats !== undefined) metrics.addObserver({ stats: fleet.stats });

    const http = createHttpServer({ router, directory, metrics, log, version });
    closers.push(() => http.stop());
    await http.listen(settings.http.listen.host, settings.http.listen.port);
    metrics.addHttp(http);

    if (settings.spoe.listen !== null) {
      const spoe = createSpoeServer({
        decide: (stream, session) => router.decide(stream, session),
        log,
        maxConnections: settings.spoe.maxConnections,
      });
      closers.push(() => spoe.stop());
      await spoe.listen(settings.spoe.listen);
      metrics.addSpoe(spoe);
    }
    log.info({ version, spoe: settings.spoe.listen, http: settings.http.listen }, 'mtxpilot agent is running');
    closers.push(startUpCheck(settings, log, process.env));
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Keeps the directory's fleet as HAProxy has it; with a static list HAProxy is not asked. */
function watchFleet(settings: Settings, directory: Directory, log: Logger) {
  const apiUrlFor = (server: { readonly name: string; readonly address: string }) =>
    mediamtxAccess(settings, server).apiUrl;
  if (settings.servers.length > 0) {
    directory.setServers(settings.servers.map((server) => staticServer(server, apiUrlFor)));
    return { stats: undefined, stop: () => Promise.resolve() };
  }
  const observer = createObserver({
    client: createRuntimeClient({ address: settings.haproxy.socket }),
    backend: settings.haproxy.backend,
    apiUrlFor,
    onServers: (servers) => directory.setServers(servers),
    onHaproxy: ({ pid, version: haproxyVersion }) => log.info({ pid, version: haproxyVersion }, 'HAProxy answers'),
    log,
    intervalMs: settings.haproxy.interval,
  });
  observer.start();
  return { stats: observer.stats, stop: () => observer.stop() };
}

function staticServer(
  { name, address }: Settings['servers'][number],
  apiUrlFor: (server: { readonly name: string; readonly address: string }) => string | undefined,
): FleetServer {
  return {
    name,
    address: address.host,
    port: address.port,
    apiUrl: apiUrlFor({ name, address: address.host }) ?? '',
    operational: 'UNKNOWN',
    administrative: 'ready',
  };
}

/**
 * A sidecar shares its machine with HAProxy: collect garbage at 20 % above what lives (V8's own choice is 100 % and more), and leave the
 * young generation at its first size. With 100,000 streams it halves the resident memory and costs some percent of a core.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=20');
  setFlagsFromString('--semi-space-growth-factor=1');
}
