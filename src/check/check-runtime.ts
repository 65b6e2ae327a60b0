import { parseHostPort } from '../config';
import type { StatLine } from '../runtime';
import { compareVersions } from './block-condition';
import type { ConfigContext } from './config-context';
import { type Finding, right, wrong } from './finding';
import type { Place } from './parse-config';
import { type ConfiguredServer, serversOf } from './proxy';
import type { RuntimeView } from './runtime-view';

/** What the running HAProxy is held against. */
export interface RuntimeExpectations {
  readonly backend: string;
  /** The configuration that was read; undefined where there is none, or it lacks the backend. */
  readonly context: ConfigContext | undefined;
  /** Resolved paths of the files that were read. */
  readonly files: readonly string[];
  /** Version of the haproxy executable, where it is known. */
  readonly programVersion: string | undefined;
  /** The backend of the agents, and its servers as `show stat` has them; undefined where that was not asked. */
  readonly agentBackend: string;
  readonly agents: readonly StatLine[] | undefined;
}

const oldestVersion = '2.6';

/** Does the Runtime socket answer at admin level, and does HAProxy run what was checked? */
export function checkRuntime(view: RuntimeView, expected: RuntimeExpectations): Finding[] {
  const { info, error, socket, level } = view;
  if (info === undefined) {
    const what = `HAProxy does not answer on ${socket}: ${error?.message ?? 'no answer'}.`;
    const change = 'start HAProxy, or set haproxy.socket to its "stats socket"';
    return [wrong('error', 'runtime.answers', what, undefined, change)];
  }
  return [
    right('runtime.answers', `HAProxy ${info.version} answers on ${socket}.`),
    level === 'admin'
      ? right('runtime.level', 'The socket has level admin.')
      : wrong(
          'error',
          'runtime.level',
          `${socket} has level ${level ?? 'unknown'}.`,
          undefined,
          'add "level admin" to its "stats socket" line and reload HAProxy',
        ),
    checkVersion(info.version, expected.programVersion),
    ...checkFiles(view, expected.files),
    ...checkServers(view, expected),
    ...checkAgents(expected),
  ];
}

function checkVersion(running: string, program: string | undefined): Finding {
  if ((compareVersions(running, oldestVersion) ?? 0) < 0) {
    const what = `HAProxy ${running} runs.`;
    return wrong('error', 'runtime.version', what, undefined, `install HAProxy ${oldestVersion} or newer`);
  }
  if (program !== undefined && compareVersions(running, program) !== 0) {
    const what = `HAProxy ${running} runs, and the program that checks the configuration is ${program}.`;
    return wrong(
      'warning',
      'runtime.version',
      what,
      undefined,
      'set haproxy.bin to the program that runs, or restart HAProxy',
    );
  }
  return right('runtime.version', `HAProxy ${running} is new enough.`);
}

/** HAProxy names its files in HAPROXY_CFGFILES (configuration manual, 2.4). */
function checkFiles({ environment }: RuntimeView, files: readonly string[]): Finding[] {
  const running = environment
    .get('HAPROXY_CFGFILES')
    ?.split(';')
    .filter((file) => file !== '');
  // Relative names depend on where HAProxy was started.
  if (running === undefined || files.length === 0 || running.some((file) => !file.startsWith('/'))) return [];
  if (running.every((file) => files.includes(file))) {
    return [right('runtime.config', `It runs with ${running.join(', ')}.`)];
  }
  const what = `HAProxy runs with ${running.join(', ')}, and ${files.join(', ')} was checked.`;
  return [wrong('warning', 'runtime.config', what, undefined, `check the other: mtxpilot check ${running[0] ?? ''}`)];
}

function checkServers({ servers, serversError }: RuntimeView, { backend, context }: RuntimeExpectations): Finding[] {
  if (servers === undefined) {
    const what = `HAProxy runs without the backend ${backend}: ${serversError?.message ?? 'no answer'}.`;
    const change = 'reload HAProxy, or set haproxy.backend';
    return [wrong('error', 'runtime.servers', what, context?.backend, change)];
  }
  const configured = context === undefined ? [] : serversOf(context.backend);
  const isTemplated = configured.some(({ count }) => count > 1);
  if (context === undefined || isTemplated) return servers.length === 0 ? [noServers(backend, context?.backend)] : [];
  if (configured.length === 0) return [noServers(backend, context.backend)];
  const findings = configured.flatMap((server): Finding[] => {
    const running = servers.find(({ serverName }) => serverName === server.name);
    const change = 'reload HAProxy';
    if (running === undefined) {
      return [wrong('warning', 'runtime.servers', `HAProxy runs without the server ${server.name}.`, server, change)];
    }
    const address = running.address ?? '';
    if (isSameAddress(server, address, running.port)) return [];
    const what = `The server ${server.name} runs with ${address}:${running.port}, and the file says ${server.address}.`;
    return [wrong('warning', 'runtime.servers', what, server, change)];
  });
  for (const { serverName, address, port } of servers) {
    if (configured.some(({ name }) => name === serverName)) continue;
    const what = `HAProxy has a server ${serverName} that is not in the file.`;
    const change = `add "server ${serverName} ${address ?? ''}:${port}", or it is gone after a reload`;
    findings.push(wrong('warning', 'runtime.servers', what, context.backend, change));
  }
  return findings.length > 0
    ? findings
    : [right('runtime.servers', `HAProxy runs with the ${servers.length} servers of the file.`)];
}

function noServers(backend: string, place: Place | undefined): Finding {
  const what = `Backend ${backend} has no server.`;
  return wrong('error', 'runtime.servers', what, place, 'add "server mtx1 ADDRESS:8888" for each MediaMTX');
}

/** Names are resolved by HAProxy, and other kinds of addresses are not compared. */
function isSameAddress({ address }: ConfiguredServer, running: string, port: number): boolean {
  const written = parseHostPort(address);
  if (written === undefined || !/^[\d.]+$/.test(written.host)) return true;
  return written.host === running && written.port === port;
}

function checkAgents({ agents, agentBackend, context }: RuntimeExpectations): Finding[] {
  if (agents === undefined) return [];
  if (agents.length === 0) {
    const what = `HAProxy runs without a server in a backend ${agentBackend}, in which it would know the agent.`;
    const place = context?.proxies.find(({ name }) => name === agentBackend) ?? context?.backend;
    const change = `add "backend ${agentBackend}" as the shipped haproxy.cfg has it, and reload HAProxy`;
    return [wrong('error', 'agent.up', what, place, change)];
  }
  const up = agents.filter(({ status }) => /^(?:UP|no check)/.test(status));
  const [first] = agents;
  if (up.length > 0) return [right('agent.up', `HAProxy sees ${up.length} of ${agents.length} agents up.`)];
  const what = `HAProxy sees no agent up: ${agents.map(({ server, status, checkStatus }) => `${server} ${status} (${checkStatus ?? 'no check'})`).join(', ')}.`;
  const place = context?.proxies.find(({ name }) => name === first?.proxy);
  return [wrong('error', 'agent.up', what, place, 'start the agent at that address, and see its log')];
}
