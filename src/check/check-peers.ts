import { formatAddress, isEveryAddress, parseHostPort } from '../config';
import { type ConfigContext, plainAddress } from './config-context';
import { type Finding, right, wrong } from './finding';
import { type ConfigLine, type ConfigSection, globalLine } from './parse-config';

/** Do the tables survive a reload, and does nobody else read them? */
export function checkPeers({ config, hostName, backend, expected }: ConfigContext): Finding[] {
  const sections = config.sections.filter(({ kind }) => kind === 'peers');
  const [section] = sections;
  if (section === undefined) {
    const what = 'There is no peers section.';
    const change = 'add "peers mtx" with "peer haproxy 127.0.0.1:10000", and "localpeer haproxy" to global';
    return [wrong('error', 'peers.local', what, backend, change)];
  }
  const global = config.sections.find(({ kind }) => kind === 'global');
  const localpeer = globalLine(config, 'localpeer');
  const findings = sections.flatMap((one) => checkLocal(one, localpeer, global, hostName));
  const [, second] = sections;
  findings.push(
    second === undefined
      ? right('peers.single', 'There is one peers section.')
      : wrong(
          'error',
          'peers.single',
          `There are ${sections.length} peers sections: ${sections.map(({ name }) => name).join(', ')}.`,
          second,
          `move its lines to "peers ${section.name}", and its tables too`,
        ),
  );
  if (expected.peersListen !== null) findings.push(checkAgentPeer(sections, section, expected.peersListen));
  return findings;
}

/** The agent is a peer like any other, at the address on which it listens. */
function checkAgentPeer(
  sections: readonly ConfigSection[],
  section: ConfigSection,
  listen: { readonly host: string; readonly port: number },
): Finding {
  const peers = sections.flatMap(peersOf);
  const isEvery = isEveryAddress(listen.host);
  const mine = peers.find(({ words }) => {
    const at = parseHostPort(plainAddress(words[2] ?? ''));
    return at?.port === listen.port && (isEvery || at.host === listen.host);
  });
  const address = formatAddress(isEvery ? { host: '127.0.0.1', port: listen.port } : listen);
  if (mine !== undefined) return right('peers.agent', `HAProxy reports viewers to the agent (${address}).`);
  const what = `The peers section ${section.name} has no peer at ${address}, where the agent listens (peers.listen).`;
  const named = peers.find(({ words }) => words[1] === 'mtxpilot');
  const change = `${named === undefined ? 'add' : 'write'} "peer mtxpilot ${address}", or set peers.listen in mtxpilot.yaml`;
  return wrong('warning', 'peers.agent', what, named ?? section, change);
}

function checkLocal(
  section: ConfigSection,
  localpeer: ConfigLine | undefined,
  global: ConfigSection | undefined,
  hostName: string,
): Finding[] {
  const peers = peersOf(section);
  const names = peers.map(({ words }) => words[1] ?? '');
  const name = localpeer?.words[1] ?? hostName;
  const local = peers.find(({ words }) => words[1] === name);
  if (local === undefined) {
    const is = localpeer === undefined ? `this machine's name (${hostName})` : `localpeer (${name})`;
    const what = `The peers section ${section.name} has no line for ${is}; it has ${names.join(', ') || 'none'}.`;
    const wanted = names[0] ?? 'haproxy';
    return localpeer === undefined
      ? [wrong('error', 'peers.local', what, global ?? section, `add "localpeer ${wanted}" to global`)]
      : [wrong('error', 'peers.local', what, localpeer, `write "localpeer ${wanted}"`)];
  }
  const findings =
    localpeer === undefined
      ? [
          wrong(
            'warning',
            'peers.local',
            `The peers section ${section.name} works only as long as this machine is called ${hostName}.`,
            global ?? section,
            `add "localpeer ${hostName}" to global`,
          ),
        ]
      : [right('peers.local', `The peers section ${section.name} has this HAProxy (${name}).`)];
  // The address may stand in a `bind` line of the section instead.
  const bind = section.lines.find(({ words }) => words[0] === 'bind');
  const line = local.words[2] === undefined ? bind : local;
  const address = line === local ? local.words[2] : bind?.words[1];
  if (line === undefined || address === undefined) {
    const what = `The peer ${name} has no address, so nothing is passed on at a reload.`;
    return [...findings, wrong('error', 'peers.local', what, local, `write "peer ${name} 127.0.0.1:10000"`)];
  }
  findings.push(
    isLocal(address)
      ? right('peers.loopback', `The port of the peers protocol is on this machine only (${address}).`)
      : wrong(
          'warning',
          'peers.loopback',
          `The port of the peers protocol is open to others (${address}).`,
          line,
          `write "peer ${name} 127.0.0.1:10000", unless a firewall keeps others away`,
        ),
  );
  return findings;
}

function peersOf({ lines }: ConfigSection): ConfigLine[] {
  return lines.filter(({ words }) => words[0] === 'peer' || words[0] === 'server');
}

/** Loopback addresses and Unix sockets. */
function isLocal(address: string): boolean {
  return (
    /^(?:ipv4@|ipv6@|unix@|abns@|tcp4?@|tcp6@)?(?:127\.|localhost:|\[?::1\]?:|\/)/.test(address) ||
    /^(?:unix|abns)@/.test(address)
  );
}
