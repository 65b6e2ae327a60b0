import { setTimeout as pause } from 'node:timers/promises';
import { bracketed, haproxyNodes, mediamtxAccess, type Settings } from '../config';
import {
  administrativeState,
  createHaproxyNode,
  emptySlotName,
  type HaproxyNode,
  type RuntimeClient,
  type ServerState,
  type StatLine,
  showServersState,
} from '../runtime';
import { ownValue } from '../wire';
import { flyCanary } from './canary';
import { agentWaitMs } from './check-bridge';
import { checkFiles, type FilesToCheck } from './check-files';
import { checkRuntime } from './check-runtime';
import { checkServers, type ServerToCheck } from './check-servers';
import type { ConfigContext } from './config-context';
import { type Finding, right, wrong } from './finding';
import { httpProbe } from './http-probe';
import { serversOf } from './proxy';
import { type RuntimeView, readRuntime, serverStats } from './runtime-view';
import { waysIn } from './viewers-url';

export interface StartUpCheckOptions extends Omit<FilesToCheck, 'file'> {
  readonly nodes: readonly HaproxyNode[];
}

export interface CheckOptions extends FilesToCheck {
  /** The agent's HTTP API, without a slash at its end. Default: from `http.listen`. */
  readonly agentUrl?: string | undefined;
  /** Where viewers come in, without a slash at its end. Default: from the configuration. */
  readonly viewersUrl?: string | undefined;
}

/** Master playlists may be held until there is content; a canary's is not. */
const viewersTimeoutMs = 10_000;
const startUpAttempts = 10;
const startUpPauseMs = 1000;

/** The whole preflight. Never rejects for what it finds: whatever fails becomes a finding. */
export async function runCheck(options: CheckOptions): Promise<Finding[]> {
  const nodes = haproxyNodes(options.settings).map((node) => createHaproxyNode(node));
  const looked = await look(options, nodes, 'full');
  return [...looked.findings, ...(await checkAgent(options, looked))];
}

/**
 * The part of the preflight that fits a start, told in two parts: what can be seen at once, and a canary as soon as HAProxy has this agent UP. Nothing is told
 * about the agent itself, nor about a file that nobody named and that cannot be read here, nor about a program that is not there: the agent may
 * run elsewhere than HAProxy, or may see less.
 */
export async function runStartUpCheck(
  options: StartUpCheckOptions,
  tell: (findings: readonly Finding[]) => void,
): Promise<void> {
  const looked = await look(options, options.nodes, 'start-up');
  tell(looked.findings);
  tell(await flyStartUpCanary(options, looked));
}

/** What was found, and what the questions to the agent need to know. */
interface Looked {
  readonly findings: readonly Finding[];
  readonly context: ConfigContext | undefined;
  readonly client: RuntimeClient | undefined;
  readonly agentBackend: string;
  /** The agents as HAProxy has them; undefined where it was not asked. */
  readonly agents: readonly StatLine[] | undefined;
}

async function look(options: FilesToCheck, nodes: readonly HaproxyNode[], depth: 'full' | 'start-up'): Promise<Looked> {
  const { settings, signal } = options;
  const clients = nodes.map(({ statistics }) => statistics);
  const { backend } = settings.haproxy;
  const views: RuntimeView[] = [];
  for (const one of clients) views.push(await readRuntime(one, backend, signal));
  const relays = await relayStates(clients, settings.haproxy.relayBackend, signal);
  // The file that is checked is this machine's, and so is the first node.
  const [view] = views;
  const [client] = clients;
  const { findings, context, files, programVersion } = await checkFiles(options, depth, view);
  const agentBackend = context?.agentBackend ?? 'mtx_agent';
  const isAsked = client !== undefined && depth === 'full';
  const agents = isAsked ? await serverStats(client, agentBackend, signal) : undefined;
  const expected = { backend, context, files, programVersion, agents, agentBackend };
  const ofOthers = { ...expected, files: [], programVersion: undefined, agents: undefined };
  const runtime = views.flatMap((one) =>
    one === view
      ? checkRuntime(one, expected)
      : checkRuntime(one, ofOthers).map((finding) => ({ ...finding, what: `${one.socket}: ${finding.what}` })),
  );
  const answering = views.find(({ servers: known }) => known !== undefined);
  const servers = await checkServers(serversToCheck(settings, { servers: answering?.servers, relays }, context), {
    timeoutMs: settings.mediamtx.timeout,
    signal,
  });
  return { findings: [...findings, ...runtime, ...servers], context, client, agentBackend, agents };
}

/** As HAProxy has them, else as the file has them, else as the settings list them. */
function serversToCheck(
  settings: Settings,
  running: { readonly servers: readonly ServerState[] | undefined; readonly relays: readonly ServerState[] },
  context: ConfigContext | undefined,
): ServerToCheck[] {
  const { relayBackend } = settings.haproxy;
  const relays = context?.proxies.find(({ kind, name }) => kind !== 'frontend' && name === relayBackend);
  const configured = {
    mediamtx: context === undefined ? [] : serversOf(context.backend),
    relay: relays === undefined ? [] : serversOf(relays),
  };
  type Where = Pick<ServerToCheck, 'name' | 'kind' | 'host' | 'port' | 'state'>;
  const make = ({ name, kind, host, port, state }: Where): ServerToCheck => {
    const line = configured[kind].find((server) => server.name === name);
    const isTls = line !== undefined && line.options.lastIndexOf('ssl') > line.options.lastIndexOf('no-ssl');
    const access = mediamtxAccess(settings, { name, kind, address: host, port });
    return { name, kind, host, port, isTls, ...access, state, place: line };
  };
  if (settings.servers.length > 0) {
    return settings.servers.map(({ name, address: { host, port } }) =>
      make({ name, kind: 'mediamtx', host, port, state: undefined }),
    );
  }
  if (running.servers !== undefined) {
    return [...running.servers, ...running.relays].flatMap((state) => {
      // An empty slot is no server; its name is HAProxy's to resolve.
      const host = emptySlotName(state) === undefined ? state.address : undefined;
      if (host === undefined) return [];
      const kind = state.backendName === relayBackend ? 'relay' : 'mediamtx';
      return [make({ name: state.serverName, kind, host, port: state.port, state: stateOf(state) })];
    });
  }
  return (['mediamtx', 'relay'] as const).flatMap((kind) =>
    configured[kind].flatMap(({ name, address }) => {
      const [, host = '', port] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
      if (port === undefined || /@|\//.test(host)) return [];
      return [make({ name, kind, host: host.replace(/^\[|\]$/g, ''), port: Number(port), state: undefined })];
    }),
  );
}

/** The relays of the first HAProxy that has any. */
async function relayStates(
  clients: readonly RuntimeClient[],
  backend: string,
  signal: AbortSignal | undefined,
): Promise<readonly ServerState[]> {
  for (const client of clients) {
    const states = await showServersState(client, backend, { signal });
    if (states.ok) return states.value;
  }
  return [];
}

function stateOf({ adminBits, operational }: ServerState): ServerToCheck['state'] {
  if (administrativeState(adminBits) === 'maint') return 'maint';
  return operational === 'stopped' ? 'DOWN' : 'UP';
}

async function checkAgent(
  { settings, signal, agentUrl = agentUrlOf(settings), viewersUrl }: CheckOptions,
  { context, client, agents }: Looked,
): Promise<Finding[]> {
  const health = await httpProbe(`${agentUrl}/healthz`, { timeoutMs: viewersTimeoutMs, signal });
  if (!health.ok || health.status !== 200) {
    const reason = health.ok ? `it answers ${health.status}` : health.reason;
    const what = `No agent answers at ${agentUrl}: ${reason}.`;
    const isNameRefused = health.ok && health.status === 421;
    const change = isNameRefused
      ? 'add the name to http.hosts in mtxpilot.yaml, or ask by address'
      : 'start "mtxpilot agent", or say where it listens: --url URL, or http.listen in mtxpilot.yaml';
    return [wrong('error', 'agent.answers', what, undefined, change)];
  }
  const answers = right('agent.answers', `The agent answers at ${agentUrl}.`);
  const ways = context === undefined ? undefined : waysIn(context.way);
  const url = viewersUrl ?? ways?.url;
  if (url === undefined) {
    const others = ways?.others.slice(0, 5).join(', ') ?? '';
    const what = `It is not known where viewers come in${others === '' ? '' : `, and it cannot be tried from here: ${others}`}.`;
    const change = 'say where a plain client gets through: --viewers URL';
    return [answers, wrong('warning', 'canary', what, context?.way[0], change)];
  }
  const canary = await flyCanary({
    ...whereCanaryFlies(settings, context),
    viewersUrl: url,
    agentUrl,
    // An address that was given may be that of another HAProxy.
    client: viewersUrl === undefined ? client : undefined,
    agentsUp: agents?.filter(isUp).length,
    signal,
  });
  return [answers, ...canary];
}

/**
 * A canary where it proves something: HAProxy is reached by an address of its configuration, and has this agent as its only one (several take turns, or
 * one waits for the others' end). Where that is not so there is no finding.
 */
async function flyStartUpCanary(
  { settings, signal }: StartUpCheckOptions,
  { context, client, agentBackend }: Looked,
): Promise<Finding[]> {
  const viewersUrl = context === undefined ? undefined : waysIn(context.way).url;
  if (context === undefined || client === undefined || viewersUrl === undefined) return [];
  let findings: Finding[] = [];
  // HAProxy may start after the agent, takes some checks to call it UP, and tells it of the servers.
  for (let attempt = 0; attempt < startUpAttempts; attempt++) {
    const [agent, ...others] = await serverStats(client, agentBackend, signal);
    if (others.length > 0) return [];
    if (agent !== undefined && isUp(agent)) {
      findings = await flyCanary({
        ...whereCanaryFlies(settings, context),
        viewersUrl,
        agentUrl: agentUrlOf(settings),
        client,
        agentsUp: 1,
        signal,
      });
      if (findings.every(({ severity }) => severity === 'ok')) break;
    }
    try {
      await pause(startUpPauseMs, undefined, { signal });
    } catch {
      return [];
    }
  }
  // HAProxy may run elsewhere, behind a published port or another address.
  return findings.filter(({ id }) => id !== 'viewers.answers');
}

function whereCanaryFlies(settings: Settings, context: ConfigContext | undefined) {
  return {
    backend: settings.haproxy.backend,
    agentWaitMs: (context === undefined ? undefined : agentWaitMs(context)) ?? settings.lookup.deadline,
    place: context?.bridge?.place ?? context?.backend,
    timeoutMs: viewersTimeoutMs,
  };
}

function isUp({ status }: StatLine): boolean {
  return status.startsWith('UP');
}

function agentUrlOf({ http }: Settings): string {
  const { host, port } = http.listen;
  const every: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return `http://${bracketed(ownValue(every, host) ?? host)}:${port}`;
}
