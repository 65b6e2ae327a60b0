import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AddressChoice, type DemoAddresses, demoAddresses, relayedUrl } from './addresses';
import { type AgentChild, startAgentChild } from './agent-child';
import { checkAddresses } from './check-addresses';
import { DemoError } from './demo-error';
import type { Ending } from './ending';
import type { DemoFleet } from './fleet';
import { createHolderLog, type HolderLog } from './holder-log';
import { type DemoProvider, type LiveSegments, startDemoProvider } from './provider';
import { type Proxy, startProxy } from './proxy';
import { createRealDemoFleet } from './real-fleet';
import { type RelayChild, startRelayChild } from './relay-child';
import { type RelayWatcher, watchRelay } from './relay-watcher';
import { demoStreams, publishAll } from './schedule';
import { type CreateStandIns, createSimDemoFleet, type StandInProfile } from './sim-fleet';
import { waitFor } from './wait-for';

export interface StageOptions extends AddressChoice {
  /** The HAProxy executable; undefined for the one on the path. */
  readonly haproxyBin: string | undefined;
  /** A MediaMTX executable; undefined for stand-ins. */
  readonly mediamtxBin: string | undefined;
  /** Whether there is a page, to which HAProxy redirects `/`. */
  readonly hasPage: boolean;
  /** What the stand-ins are like. */
  readonly profile: StandInProfile;
  readonly createStandIns: CreateStandIns;
  /** What the relay's provider sends. */
  readonly liveSegments: LiveSegments;
  readonly ending: Ending;
}

/** A provider, the relay in front of it, and a player of its stream. */
export interface RelayStage {
  readonly provider: DemoProvider;
  readonly relay: RelayChild;
  readonly watcher: RelayWatcher;
}

/** A whole installation on loopback addresses: servers with publishers, a relay, HAProxy, agent. */
export interface Stage {
  readonly addresses: DemoAddresses;
  readonly fleet: DemoFleet;
  /** The truth about who has what. */
  readonly holders: HolderLog;
  readonly proxy: Proxy;
  readonly agent: AgentChild;
  readonly relayed: RelayStage;
  /** Ends everything, the last started first, and removes every file. */
  stop(): Promise<void>;
}

/**
 * Starts everything and waits until HAProxy sees all servers and the agent, and the agent all streams.
 *
 * @throws DemoError when something is missing, in use, or does not come up; nothing is left behind then.
 */
export async function startStage(options: StageOptions): Promise<Stage> {
  const { haproxyBin, mediamtxBin, hasPage, ending } = options;
  const addresses = demoAddresses(options);
  await checkAddresses(addresses, { hasPage, hasRtsp: mediamtxBin !== undefined });
  const folder = await mkdtemp(join(tmpdir(), 'mtxpilot-demo-')).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new DemoError(
      `no temporary folder can be made in ${tmpdir()} (${code ?? message}); TMPDIR sets another place`,
    );
  });
  const holders = createHolderLog();
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  const ends: { stop: () => Promise<void> | void; kill: () => void }[] = [{ stop: removeFolder, kill: removeFolder }];
  // Whatever ends this process (a second Ctrl-C, a bug), it leaves nothing behind.
  const killAll = (): void => {
    for (const { kill } of ends.splice(0).reverse()) kill();
  };
  process.once('exit', killAll);
  const stop = async (): Promise<void> => {
    for (let last = ends.at(-1); last !== undefined; last = ends.at(-1)) {
      await last.stop();
      if (ends.at(-1) === last) ends.pop();
    }
    process.off('exit', killAll);
  };
  try {
    const fleet = await (mediamtxBin === undefined
      ? createSimDemoFleet(options.createStandIns, addresses, options.profile, holders)
      : createRealDemoFleet({ addresses, mediamtxBin, folder, log: holders, ending }));
    ends.push(fleet);
    await publishAll(fleet);
    const provider = await startDemoProvider(addresses.provider, options.liveSegments);
    ends.push({ stop: () => provider.stop(), kill: () => undefined });
    const relay = await startRelayChild({ address: addresses.relay, sources: provider.urls, folder, ending });
    ends.push({ stop: () => relay.stop(), kill: () => relay.child.kill() });
    const proxy = await startProxy({ addresses, haproxyBin, hasPage, folder, ending });
    ends.push(proxy.child);
    const agent = await startAgentChild({ addresses, haproxySocket: proxy.socket, folder, ending });
    ends.push({ stop: () => agent.stop(), kill: () => agent.child.kill() });
    await proxy.ready();
    await agent.knows(demoStreams.map(({ name }) => name));
    const watcher = watchRelay(relayedUrl(addresses, relay.streamId));
    ends.push({ stop: () => watcher.stop(), kill: () => undefined });
    await waitFor('the relayed stream to play', () => watcher.figures().bytes > 0, ending.reason);
    return { addresses, fleet, holders, proxy, agent, relayed: { provider, relay, watcher }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
