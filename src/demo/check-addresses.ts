import { createServer } from 'node:net';
import { type DemoAddresses, splitAddress } from './addresses';
import { DemoError } from './demo-error';

/**
 * Makes sure that everything can listen, before anything is started: HAProxy would report its own addresses only, and would share
 * a port with another HAProxy without a word (SO_REUSEPORT).
 *
 * @throws DemoError that names the address, what it is for, and the flag that changes it.
 */
export async function checkAddresses(
  addresses: DemoAddresses,
  { hasPage, hasRtsp }: { readonly hasPage: boolean; readonly hasRtsp: boolean },
): Promise<void> {
  const wanted: readonly (readonly [address: string, what: string, flag: string])[] = [
    [addresses.viewers, 'HAProxy, for viewers', '--bind HOST:PORT'],
    ...(hasPage ? [[addresses.page, 'the page', '--page HOST:PORT'] as const] : []),
    [addresses.spoe, 'the agent, for HAProxy', '--block 127.X.Y'],
    [addresses.http, "the agent's HTTP API", '--block 127.X.Y'],
    [addresses.agentPeer, "the agent's peers", '--block 127.X.Y'],
    [addresses.peer, "HAProxy's peers", '--block 127.X.Y'],
    [addresses.relay, 'the relay', '--block 127.X.Y'],
    [addresses.provider, "the relay's provider", '--block 127.X.Y'],
    ...addresses.servers.flatMap(({ name, hls, api, rtsp }) => [
      [hls, `${name}, HLS`, '--block 127.X.Y'] as const,
      [api, `${name}, Control API`, '--block 127.X.Y'] as const,
      ...(hasRtsp ? [[rtsp, `${name}, RTSP`, '--block 127.X.Y'] as const] : []),
    ]),
  ];
  const taken = new Map<string, string>();
  for (const [address, what, flag] of wanted) {
    const other = taken.get(address);
    if (other !== undefined) {
      throw new DemoError(`${address} is wanted twice, by ${other} and by ${what}; choose another with ${flag}`);
    }
    taken.set(address, what);
    const code = await listenError(address);
    if (code !== undefined) throw new DemoError(`${complaint(address, code)} (${what}); choose another with ${flag}`);
  }
}

function listenError(address: string): Promise<string | undefined> {
  const { host, port } = splitAddress(address);
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function complaint(address: string, code: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `${address} is in use`;
    case 'EACCES':
      return `no permission to listen on ${address}`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${address} is no address of this machine`;
    default:
      return `cannot listen on ${address}: ${code}`;
  }
}
