/** Where everything of one demo listens: `host:port` each. */
export interface DemoAddresses {
  /** HAProxy: where viewers come in. */
  readonly viewers: string;
  readonly page: string;
  /** The agent's SPOE, HTTP and peers addresses. */
  readonly spoe: string;
  readonly http: string;
  readonly agentPeer: string;
  /** HAProxy's peers. */
  readonly peer: string;
  readonly relay: string;
  /** Where the relay's provider listens. */
  readonly provider: string;
  readonly servers: readonly DemoServerAddress[];
}

/** One MediaMTX, stand-in or real, on the standard ports of an address of its own. */
export interface DemoServerAddress {
  readonly name: string;
  readonly address: string;
  readonly hls: string;
  readonly api: string;
  readonly rtsp: string;
}

/** What a person may choose; see `mtxpilot demo --help`. */
export interface AddressChoice {
  /** First three bytes of the loopback addresses in use, such as `127.0.0`. */
  readonly block: string;
  /** `HOST:PORT` for viewers; without it port 8080 on the first address of the block. */
  readonly bind: string | undefined;
  /** `HOST:PORT` for the page; without it port 8088 on the first address of the block. */
  readonly page: string | undefined;
}

/** With the block `127.0.0`, the defaults of the shipped haproxy.cfg. */
export function demoAddresses({ block, bind, page }: AddressChoice): DemoAddresses {
  const home = `${block}.1`;
  return {
    viewers: bind ?? `${home}:8080`,
    page: page ?? `${home}:8088`,
    spoe: `${home}:9100`,
    http: `${home}:9101`,
    agentPeer: `${home}:9102`,
    peer: `${home}:10000`,
    relay: `${home}:8085`,
    provider: `${home}:8090`,
    servers: [11, 12, 13].map((last, index) => {
      const address = `${block}.${last}`;
      return {
        name: `mtx${index + 1}`,
        address,
        hls: `${address}:8888`,
        api: `${address}:9997`,
        rtsp: `${address}:8554`,
      };
    }),
  };
}

/** Host and port of a text `HOST:PORT`, where an IPv6 host has brackets. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/** Whether a `bind` to this host listens on every address of the machine. */
export function isEveryAddress(host: string): boolean {
  return ['0.0.0.0', '::', '*', ''].includes(host);
}

/** Where a browser on this machine finds the page. */
export const pageUrl = ({ page }: DemoAddresses): string => urlOf(page);

/** Where a player on this machine finds HAProxy. */
export const viewersUrl = ({ viewers }: DemoAddresses): string => urlOf(viewers);

/** Where a player on this machine finds a stream of the relay, through HAProxy. */
export const relayedUrl = (addresses: DemoAddresses, streamId: string): string =>
  `${viewersUrl(addresses)}stream/${streamId}`;

function urlOf(address: string): string {
  const { host, port } = splitAddress(address);
  return isEveryAddress(host) ? `http://127.0.0.1:${port}/` : `http://${address}/`;
}
