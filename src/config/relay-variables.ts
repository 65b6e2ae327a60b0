import { formatAddress, parseHostPort, parseListen } from './address';
import { hlsDurations, hlsSettingNames, hlsUsersName } from './hls-settings';
import { quoteText } from './quote-given';
import type { Registry } from './registry';
import type { ReadSource } from './source';
import { type Given, readGiven } from './text-source';

type Read = { readonly text: string } | { readonly allowed: string };

interface OtherVariable {
  readonly name: string;
  readonly key: string;
  /** As `MTXPILOT_*` would have it. */
  readonly read: (given: string) => Read;
  /** Whether an empty one means something; else it counts as not given. */
  readonly mayBeEmpty?: boolean;
}

const asItIs = (text: string): Read => ({ text });
/** Whole seconds, or a duration as everywhere else. */
const inSeconds = (given: string): Read => {
  if (/^\d{1,9}$/.test(given)) return { text: `${given}s` };
  return /^\d{1,12}(?:ms|s|m|h)$/.test(given) ? { text: given } : { allowed: 'a number of seconds, such as 30' };
};
const logLevels = new Map([
  ['debug', 'debug'],
  ['info', 'info'],
  ['warning', 'warn'],
  ['warn', 'warn'],
  ['error', 'error'],
  ['critical', 'error'],
]);

const otherVariables: readonly OtherVariable[] = [
  {
    name: 'LOG_LEVEL',
    key: 'log.level',
    read(given) {
      const text = logLevels.get(given.toLowerCase());
      return text === undefined ? { allowed: 'DEBUG, INFO, WARNING or ERROR' } : { text };
    },
  },
  { name: 'CLIENT_TIMEOUT', key: 'relay.clientTimeout', read: inSeconds },
  { name: 'STREAM_TIMEOUT', key: 'relay.streamTimeout', read: inSeconds },
  { name: 'DEFAULT_USER_AGENT', key: 'relay.userAgent', read: asItIs },
  { name: 'API_TOKEN', key: 'relay.token', read: asItIs },
  {
    name: 'ROOT_PATH',
    key: 'relay.rootPath',
    read: (given) => ({ text: given === '' ? '/' : given }),
    mayBeEmpty: true,
  },
  { name: 'STREAM_MODE', key: 'relay.streamMode', read: (given) => ({ text: given.toUpperCase() }) },
  ...hlsSettingNames.flatMap((setting): readonly OtherVariable[] => {
    const name = hlsUsersName(setting).toUpperCase();
    const key = `relay.hls.${setting}`;
    if (!hlsDurations.includes(setting)) return [{ name, key, read: asItIs }];
    // Newer versions of acestream-orchestrator say the unit.
    return [name, `${name}_S`].map((spelled) => ({ name: spelled, key, read: inSeconds }));
  }),
];

const standardListen = { host: '127.0.0.1', port: 8085 };

/**
 * The settings of the relay as users of m3u-proxy have them in the environment: `HOST`, `PORT`, `LOG_LEVEL`, `CLIENT_TIMEOUT` and
 * `STREAM_TIMEOUT` (both in seconds), `DEFAULT_USER_AGENT`, `API_TOKEN`, `ROOT_PATH`; and as those of acestream-orchestrator have them: `STREAM_MODE` and
 * `HLS_*`. Empty variables count as not given, but for `ROOT_PATH`.
 */
export function relayVariables(registry: Registry, env: NodeJS.ProcessEnv): ReadSource {
  const given: Given[] = [];
  const errors: string[] = [];
  const take = (key: string, variable: string, text: string): void => {
    const known = registry.keys.find((candidate) => candidate.key === key);
    if (known === undefined) throw new Error(`${variable} stands for ${key}, which is no setting`);
    given.push({ path: known.path, meta: known.meta, text, origin: { source: 'environment', variable } });
  };

  const { HOST: host = '', PORT: port = '' } = env;
  const isPort = /^\d{1,5}$/.test(port) && Number(port) <= 65_535;
  if (port !== '' && !isPort) errors.push(wrong('PORT', 'relay.listen', port, 'a port from 0 to 65535'));
  const listen = host === '' ? undefined : listenOf(host);
  if (host !== '' && listen === undefined) {
    errors.push(wrong('HOST', 'relay.listen', host, 'an IP address or a host name, such as 0.0.0.0'));
  }
  if (errors.length === 0 && (host !== '' || port !== '')) {
    const address = { host: listen ?? standardListen.host, port: port === '' ? standardListen.port : Number(port) };
    take('relay.listen', host === '' ? 'PORT' : 'HOST', formatAddress(address));
  }

  for (const { name, key, read, mayBeEmpty = false } of otherVariables) {
    const text = Object.hasOwn(env, name) ? env[name] : undefined;
    if (text === undefined || (text === '' && !mayBeEmpty)) continue;
    const value = read(text);
    if ('text' in value) take(key, name, value.text);
    else errors.push(wrong(name, key, text, value.allowed));
  }
  const read = readGiven(registry, given);
  return { source: read.source, errors: [...errors, ...read.errors], warnings: [] };
}

/** The host as it is listened on: `*` is every IPv4 address, IPv6 may have brackets. */
function listenOf(given: string): string | undefined {
  const bare = given.replace(/^\[(.*)\]$/, '$1');
  return (parseListen(`${bare}:1`) ?? parseHostPort(`[${bare}]:1`))?.host;
}

function wrong(variable: string, key: string, given: string, allowed: string): string {
  return `${variable}: ${key}: ${quoteText(given)} is not allowed, expected ${allowed}`;
}
