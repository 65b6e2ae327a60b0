import { createSimFleet, type SimProfile } from '../sim';
import type { DemoAddresses } from './addresses';
import type { DemoFleet } from './fleet';
import type { HolderLog } from './holder-log';

/** Three stand-ins in this process, set up as the real servers of a demo are. */
export async function createSimDemoFleet(
  addresses: DemoAddresses,
  profile: SimProfile,
  log: HolderLog,
): Promise<DemoFleet> {
  const fleet = await createSimFleet({
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
