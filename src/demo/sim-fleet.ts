import type { DemoAddresses } from './addresses';
import type { DemoFleet } from './fleet';
import type { HolderLog } from './holder-log';

/** What the stand-ins behave like: MediaMTX before v1.18, or since. */
export type StandInProfile = 'pre-session' | 'session';

/** Stand-ins for MediaMTX in this process, as `createSimFleet` of the sim makes them; a program does not import another one. */
export interface StandIns {
  readonly servers: readonly { readonly version: string }[];
  server(name: string): { publish(stream: string): void; unpublish(stream: string): void };
  stop(): Promise<void>;
}

export type CreateStandIns = (options: {
  readonly servers: number;
  readonly firstAddress: string;
  readonly profile: StandInProfile;
  readonly variant: 'fmp4';
  readonly alwaysRemux: boolean;
  readonly trustedProxies: string[];
  readonly requestLogLimit: number;
}) => Promise<StandIns>;

/** Three stand-ins in this process, set up as the real servers of a demo are. */
export async function createSimDemoFleet(
  createStandIns: CreateStandIns,
  addresses: DemoAddresses,
  profile: StandInProfile,
  log: HolderLog,
): Promise<DemoFleet> {
  const fleet = await createStandIns({
    servers: addresses.servers.length,
    firstAddress: addresses.servers[0]?.address ?? '127.0.0.11',
    profile,
    variant: 'fmp4',
    alwaysRemux: true,
    trustedProxies: ['127.0.0.0/8'],
    // Nobody reads it here.
    requestLogLimit: 0,
  });
  // The stand-ins obey at once, so nothing is ever on its way.
  const publish = (stream: string, server: string): void => {
    fleet.server(server).publish(stream);
    log.live(stream, server);
  };
  const unpublish = (stream: string, server: string): void => {
    log.gone(stream, server);
    fleet.server(server).unpublish(stream);
  };
  return {
    description: `stand-ins for MediaMTX ${fleet.servers[0]?.version ?? ''}`,
    publish(stream, server) {
      publish(stream, server);
      return Promise.resolve();
    },
    unpublish(stream, server) {
      unpublish(stream, server);
      return Promise.resolve();
    },
    move(stream, from, to) {
      // Without a moment in between: whoever finds nobody has been misled.
      fleet.server(from).unpublish(stream);
      publish(stream, to);
      log.gone(stream, from);
      return Promise.resolve();
    },
    stop: () => fleet.stop(),
    kill: () => undefined,
  };
}
