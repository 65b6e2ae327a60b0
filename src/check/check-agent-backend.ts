import { join, relative } from 'node:path';
import { formatAddress, isEveryAddress, parseSocketAddress, type SocketAddress } from '../config';
import type { Bridge, ConfigContext } from './config-context';
import { type Finding, right, wrong } from './finding';
import { globalLine } from './parse-config';
import {
  type ConfiguredServer,
  effective,
  effectiveOption,
  isChecked,
  type Proxy,
  placeToChange,
  serversOf,
} from './proxy';

/** Does HAProxy notice when the agent is dead or hung, and does it ask the agent whose settings these are? */
export function checkAgentBackend(context: ConfigContext): Finding[] {
  const { bridge, proxies } = context;
  if (bridge === undefined) return [];
  const proxy = proxies.find(({ kind, name }) => kind !== 'frontend' && name === bridge.agentBackend);
  if (proxy === undefined) {
    const what = `There is no backend ${bridge.agentBackend}, in which HAProxy would know the agent.`;
    const change = `add "backend ${bridge.agentBackend}" with a checked server for the agent`;
    return [wrong('error', 'agent.checks', what, bridge.agentSection ?? bridge.place, change)];
  }
  const servers = serversOf(proxy);
  return [
    ...(bridge.kind === 'spoe' ? [checkRetries(proxy, servers)] : []),
    ...checkChecks(proxy, servers),
    checkCheckKind(proxy, bridge),
    checkAddress(context, proxy, servers, bridge),
  ];
}

/** HAProxy's own default (configuration manual, "retries"). */
const standardRetries = 3;

function checkRetries(proxy: Proxy, servers: readonly ConfiguredServer[]): Finding {
  const line = effective(proxy, 'retries');
  const retries = Number(line?.words[1] ?? standardRetries);
  if (retries === 0) return right('agent.retries', 'A dead agent is not tried twice.');
  // Another agent is another matter: without that, HAProxy 3.1 and newer lose the question. Without a number only the last retry goes there.
  const agents = servers.reduce((sum, { count }) => sum + count, 0);
  const redispatch = effectiveOption(proxy, 'redispatch');
  if (retries < agents && redispatch !== undefined && (redispatch.words[2] ?? String(retries)) === '1')
    return right('agent.retries', 'A question that reaches a dead agent goes on to another one.');
  const what = `Connections to the agent are tried again ${retries} times.`;
  const { place, verb } = placeToChange(proxy, line);
  const change = verb === 'write' ? 'write "retries 0"' : `add "retries 0" to backend ${proxy.name}`;
  return wrong('warning', 'agent.retries', what, place, change);
}

function checkChecks(proxy: Proxy, servers: readonly ConfiguredServer[]): Finding[] {
  if (servers.length === 0) {
    const what = `Backend ${proxy.name} has no server.`;
    return [wrong('error', 'agent.checks', what, proxy, 'add "server agent1 127.0.0.1:9100 check"')];
  }
  const unchecked = servers.filter((server) => !isChecked(server));
  if (unchecked.length === 0) return [right('agent.checks', 'The agent is checked.')];
  return unchecked.map((server) =>
    wrong(
      'error',
      'agent.checks',
      `The agent ${server.name} is not checked.`,
      server,
      'add "check inter 500ms fall 2 rise 1" to it, or to a "default-server" above it',
    ),
  );
}

function checkCheckKind(proxy: Proxy, bridge: Bridge): Finding {
  const wanted = bridge.kind === 'spoe' ? 'option spop-check' : 'option httpchk GET /healthz';
  const option = wanted.split(' ')[1] ?? '';
  return effectiveOption(proxy, option) !== undefined
    ? right('agent.check-kind', 'The check asks the agent something.')
    : wrong(
        'warning',
        'agent.check-kind',
        `The check of backend ${proxy.name} only opens a connection.`,
        proxy,
        `add "${wanted}"`,
      );
}

function checkAddress(
  { config, expected }: ConfigContext,
  proxy: Proxy,
  servers: readonly ConfiguredServer[],
  bridge: Bridge,
): Finding {
  const [key, listen] =
    bridge.kind === 'spoe'
      ? (['spoe.listen', expected.spoeListen] as const)
      : (['http.listen', expected.httpListen] as const);
  if (listen === null) {
    const what = 'HAProxy asks over SPOE, and this agent does not listen for it (spoe.listen is off).';
    return wrong(
      'error',
      'bridge.address',
      what,
      proxy,
      'set spoe.listen in mtxpilot.yaml, or MTX_BRIDGE=lua for HAProxy',
    );
  }
  // The folder that HAProxy takes for `/` once it runs.
  const chroot = globalLine(config, 'chroot')?.words[1] ?? '/';
  const isMine = servers.some(({ address }) => {
    const at = parseSocketAddress(address);
    if (at === undefined) return false;
    // HAProxy finds sockets below the folder that it is confined to.
    if ('path' in at) return chroot !== 'auto' && 'path' in listen && join(chroot, at.path) === listen.path;
    if ('path' in listen) return false;
    // A name may be this machine; a port alone tells enough.
    return at.port === listen.port && (isEveryAddress(listen.host) || at.host === listen.host || !isNumeric(at.host));
  });
  const asked = servers.map(({ address }) => address).join(', ');
  if (isMine) return right('bridge.address', `The agent listens where HAProxy asks (${asked}).`);
  const what = `HAProxy asks ${asked === '' ? 'nobody' : asked}, and this agent listens on ${formatAddress(listen)} (${key}).`;
  if (chroot === 'auto' && 'path' in listen) {
    const change = 'write "chroot" with a folder above the socket instead of "auto", or set spoe.listen to an address';
    return wrong('warning', 'bridge.address', `${what} After "chroot auto" HAProxy sees no sockets.`, proxy, change);
  }
  const change = `write "server ${servers[0]?.name ?? 'agent1'} ${reachedAs(listen, chroot)}", or set ${key} in mtxpilot.yaml${'path' in listen && chroot !== '/' ? `: a socket below ${chroot}, where HAProxy is confined to` : ''}`;
  return wrong('warning', 'bridge.address', what, servers[0] ?? proxy, change);
}

/** An address of ours as a server line of HAProxy has it. */
function reachedAs(listen: SocketAddress, chroot: string): string {
  if (!('path' in listen)) return formatAddress(listen);
  const below = relative(chroot, listen.path);
  return `unix@${below.startsWith('..') ? listen.path : `/${below}`}`;
}

function isNumeric(host: string): boolean {
  return /^[\d.]+$/.test(host) || host.includes(':');
}
