import { isIP } from 'node:net';
import type { SimVariant } from './timeline';
import type { VersionFeatures } from './version';

/** What a server was started with, as far as its own configuration tells of it. */
export interface GlobalConfigOptions {
  readonly address: string;
  readonly hlsPort: number;
  readonly apiPort: number;
  readonly variant: SimVariant;
  readonly alwaysRemux: boolean;
  readonly trustedProxies: readonly string[];
  readonly cdnSecret: string;
}

/**
 * The part of `GET /v3/config/global/get` that is about the API and HLS, with the names, the order and the defaults of MediaMTX. Passwords of users are not told by MediaMTX, this secret is.
 */
export function globalConfig(options: GlobalConfigOptions, features: VersionFeatures): Record<string, unknown> {
  const { address, hlsPort, apiPort, variant, alwaysRemux, trustedProxies, cdnSecret } = options;
  return {
    api: true,
    apiAddress: `${address}:${apiPort}`,
    apiEncryption: false,
    apiTrustedProxies: [],
    metrics: false,
    metricsAddress: ':9998',
    hls: true,
    hlsAddress: `${address}:${hlsPort}`,
    hlsEncryption: false,
    hlsTrustedProxies: trustedProxies.map(asNetwork),
    hlsAlwaysRemux: alwaysRemux,
    hlsVariant: variant,
    hlsSegmentCount: 7,
    hlsSegmentDuration: '1s',
    hlsPartDuration: '200ms',
    hlsSegmentMaxSize: '50M',
    hlsDirectory: '',
    hlsMuxerCloseAfter: '1m0s',
    ...(features.cdn && { hlsCDNSecret: cdnSecret }),
  };
}

/** A single address is written as the network that holds nothing else. */
function asNetwork(entry: string): string {
  if (entry.includes('/')) return entry;
  return `${entry}/${isIP(entry) === 6 ? 128 : 32}`;
}
