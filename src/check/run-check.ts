import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { bracketed, formatAddress, mediamtxAccess, type Settings } from '../config';
import {
  administrativeState,
  createRuntimeClient,
  type RuntimeClient,
  type ServerState,
  type StatLine,
} from '../runtime';
import { flyCanary } from './canary';
import { checkConfig } from './check-config';
import { checkRuntime } from './check-runtime';
import { checkServers, type ServerToCheck } from './check-servers';
import { type ConfigContext, contextOf, type ExpectedOfConfig, type LoadedConfig } from './config-context';
import { type Finding, right, wrong } from './finding';
import { checkWithProgram, haproxyProgramVersion } from './haproxy-program';
import { httpProbe } from './http-probe';
import { loadConfig } from './load-config';
import { namedVariables } from './named-variables';
import { serversOf } from './proxy';
import { type RuntimeView, readRuntime, serverStats } from './runtime-view';
import { viewersUrlOf } from './viewers-url';

export interface StartUpCheckOptions {
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

export interface CheckOptions extends StartUpCheckOptions {
  /** HAProxy's configuration, as `-f` takes it. Default: `haproxy.config`, what the running HAProxy names, the usual place. */
  readonly file?: string | undefined;
  /** The agent's HTTP API, without a slash at its end. Default: from `http.listen`. */
  readonly agentUrl?: string | undefined;
  /** Where viewers come in, without a slash at its end. Default: from the configuration. */
  readonly viewersUrl?: string | undefined;
}

type Depth = 'full' | 'start-up';

const usualFile = '/etc/haproxy/haproxy.cfg';
/** Master playlists may be held until there is content; a canary's is not. */
const viewersTimeoutMs = 10_000;
const startUpAttempts = 10;
const startUpPauseMs = 1000;

/** The whole preflight. Never rejects for what it finds: whatever fails becomes a finding. */
export async function runCheck(options: CheckOptions): Promise<Finding[]> {
  const looked = await look(options, 'full');
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
  const looked = await look(options, 'start-up');
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

async function look(options: StartUpCheckOptions & Pick<CheckOptions, 'file'>, depth: Depth): Promise<Looked> {
  const { settings, signal } = options;
  // With a static list of servers the agent does not ask HAProxy either.
  const clients =
    settings.servers.length > 0 ? [] : socketsOf(settings).map((address) => createRuntimeClient({ address }));
  const { backend } = settings.haproxy;
  const views: RuntimeView[] = [];
  for (const one of clients) views.push(await readRuntime(one, backend, signal));
  // The file that is checked is this machine's, and so is the first node.
  const [view] = views;
  const [client] = clients;
  const config = await checkFiles(options, depth, view);
  const agentBackend = config.context?.agentBackend ?? 'mtx_agent';
  const isAsked = client !== undefined && depth === 'full';
  const agents = isAsked ? await serverStats(client, agentBackend, signal) : undefined;
  const { context } = config;
  const { files, programVersion } = config;
  const runtime = views.flatMap((one) =>
    one === view
      ? checkRuntime(one, { backend, context, files, programVersion, agents, agentBackend })
      : checkRuntime(one, {
          backend,
          context,
          files: [],
          programVersion: undefined,
          agents: undefined,
          agentBackend,
        }).map((finding) => ({
          ...finding,
          what: `${one.socket}: ${finding.what}`,
        })),
  );
  const answering = views.find(({ servers: known }) => known !== undefined);
  const servers = await checkServers(serversToCheck(settings, answering, context), {
    timeoutMs: settings.mediamtx.timeout,
    signal,
  });
  return { findings: [...config.findings, ...runtime, ...servers], context, client, agentBackend, agents };
}

/** Of every HAProxy that the agent steers. */
function socketsOf({ haproxy }: Settings): Settings['haproxy']['socket'][] {
  return haproxy.nodes.length > 0 ? haproxy.nodes.map(({ socket }) => socket) : [haproxy.socket];
}

interface CheckedFiles {
  readonly findings: readonly Finding[];
  readonly context: ConfigContext | undefined;
  /** Full paths. */
  readonly files: readonly string[];
  readonly programVersion: string | undefined;
}

async function checkFiles(
  options: StartUpCheckOptions & Pick<CheckOptions, 'file'>,
  depth: Depth,
  view: RuntimeView | undefined,
): Promise<CheckedFiles> {
  const { settings, env, signal } = options;
  const { bin, config: configured } = settings.haproxy;
  const nothing = { context: undefined, files: [], programVersion: undefined };
  const isStartUp = depth === 'start-up';
  const given = options.file ?? configured;
  const running = view?.environment.get('HAPROXY_CFGFILES');
  const file = given ?? running ?? (!isStartUp && existsSync(usualFile) ? usualFile : undefined);
  if (file === undefined) {
    const what = 'It is not known where haproxy.cfg is.';
    const change = 'name it: mtxpilot check FILE, or haproxy.config in mtxpilot.yaml';
    return {
      ...nothing,
      findings: isStartUp ? [] : [wrong('error', 'config.read', what, undefined, change)],
    };
  }
  // HAProxy's own list starts where HAProxy was started.
  const folder = (given === undefined ? view?.environment.get('PWD') : undefined) ?? process.cwd();
  const own = environmentOf(env);
  const inForce = view !== undefined && view.environment.size > 0 ? view.environment : own;
  const found = await haproxyProgramVersion({ bin, environment: own, folder, signal });
  // Another version than the one that runs may be there for other ends, and what it says of the file is about itself.
  const isOther = isStartUp && found !== undefined && view?.info !== undefined && found !== view.info.version;
  const programVersion = isOther ? undefined : found;
  const version = view?.info?.version ?? programVersion;
  const loaded = loadConfig(file, { environment: inForce, version }, folder);
  if ('problem' in loaded && isStartUp && given === undefined) return { ...nothing, findings: [] };
  if ('problem' in loaded) {
    const what = `${file} cannot be read: ${loaded.problem}.`;
    const change = 'name the right file: mtxpilot check FILE, or haproxy.config in mtxpilot.yaml';
    return { ...nothing, programVersion, findings: [wrong('error', 'config.read', what, undefined, change)] };
  }
  const files = loaded.texts.map((text) => (isAbsolute(text.file) ? text.file : resolve(folder, text.file)));
  const expected = expectedOf(settings);
  const findings = [right('config.read', `${file} was read.`), ...checkConfig(loaded, expected)];
  if (!isStartUp || programVersion !== undefined) {
    const said = await askProgram(loaded, { bin, own, inForce, file, folder, signal });
    findings.splice(1, 0, ...(isStartUp ? said.filter(({ what }) => !isAboutRights(what)) : said));
  }
  return { findings, context: contextOf(loaded, expected), files, programVersion };
}

/** HAProxy starts as root and reads keys and certificates that the agent's user may not. */
function isAboutRights(what: string): boolean {
  return /permission denied|not permitted|cannot open|unable to (?:open|load|stat)/i.test(what);
}

interface ProgramRun {
  readonly bin: string;
  readonly own: ReadonlyMap<string, string>;
  readonly inForce: ReadonlyMap<string, string>;
  readonly file: string;
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
}

function askProgram({ texts }: LoadedConfig, run: ProgramRun): Promise<Finding[]> {
  const { bin, own, inForce, file, folder, signal } = run;
  const named = namedVariables(
    inForce,
    texts.map(({ text }) => text),
  );
  // Without those of this shell that HAProxy has not got: they would make another configuration of it.
  const rest = inForce === own ? own : new Map([...own].filter(([name]) => !/^MTX\d*(?:_|$)/.test(name)));
  const environment = new Map([...rest, ...named]);
  return checkWithProgram({ bin, files: file.split(';').filter((one) => one !== ''), environment, folder, signal });
}

function environmentOf(env: NodeJS.ProcessEnv): Map<string, string> {
  return new Map(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}

function expectedOf(settings: Settings): ExpectedOfConfig {
  const { control, haproxy, lookup, spoe, http, peers, viewers } = settings;
  return {
    backend: haproxy.backend,
    sockets: socketsOf(settings).map(formatAddress),
    peersListen: peers.listen,
    viewerGoneAfterMs: viewers.goneAfter,
    lookupDeadlineMs: lookup.deadline,
    spoeListen: spoe.listen,
    httpListen: http.listen,
    map: haproxy.map,
    weights: control.weights,
  };
}

/** As HAProxy has them, else as the file has them, else as the settings list them. */
function serversToCheck(
  settings: Settings,
  view: RuntimeView | undefined,
  context: ConfigContext | undefined,
): ServerToCheck[] {
  const configured = context === undefined ? [] : serversOf(context.backend);
  const make = (name: string, host: string, port: number, state: ServerToCheck['state']): ServerToCheck => {
    const line = configured.find((server) => server.name === name);
    const isTls = line !== undefined && line.options.lastIndexOf('ssl') > line.options.lastIndexOf('no-ssl');
    return { name, host, port, isTls, ...mediamtxAccess(settings, { name, address: host }), state, place: line };
  };
  if (settings.servers.length > 0) {
    return settings.servers.map(({ name, address }) => make(name, address.host, address.port, undefined));
  }
  if (view?.servers !== undefined) {
    return view.servers.flatMap((state) => {
      const host = state.address ?? state.fqdn;
      return host === undefined ? [] : [make(state.serverName, host, state.port, stateOf(state))];
    });
  }
  return configured.flatMap(({ name, address }) => {
    const [, host = '', port] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
    return port === undefined || /@|\//.test(host)
      ? []
      : [make(name, host.replace(/^\[|\]$/g, ''), Number(port), undefined)];
  });
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
    const change = 'start "mtxpilot agent", or say where it listens: --url URL, or http.listen in mtxpilot.yaml';
    return [wrong('error', 'agent.answers', what, undefined, change)];
  }
  const answers = right('agent.answers', `The agent answers at ${agentUrl}.`);
  const derived = context === undefined ? undefined : viewersUrlOf(context.way);
  const url = viewersUrl ?? derived;
  if (url === undefined) {
    const what = 'It is not known where viewers come in.';
    return [answers, wrong('warning', 'canary', what, context?.way[0], 'say so: --viewers URL')];
  }
  const canary = await flyCanary({
    viewersUrl: url,
    agentUrl,
    backend: settings.haproxy.backend,
    // An address that was given may be that of another HAProxy.
    client: viewersUrl === undefined ? client : undefined,
    agentsUp: agents?.filter(isUp).length,
    place: context?.bridge?.place ?? context?.backend,
    timeoutMs: viewersTimeoutMs,
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
  const viewersUrl = context === undefined ? undefined : viewersUrlOf(context.way);
  if (context === undefined || client === undefined || viewersUrl === undefined) return [];
  let findings: Finding[] = [];
  // HAProxy may start after the agent, takes some checks to call it UP, and tells it of the servers.
  for (let attempt = 0; attempt < startUpAttempts; attempt++) {
    const [agent, ...others] = await serverStats(client, agentBackend, signal);
    if (others.length > 0) return [];
    if (agent !== undefined && isUp(agent)) {
      findings = await flyCanary({
        viewersUrl,
        agentUrl: agentUrlOf(settings),
        backend: settings.haproxy.backend,
        client,
        agentsUp: 1,
        place: context.bridge?.place ?? context.backend,
        timeoutMs: viewersTimeoutMs,
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

function isUp({ status }: StatLine): boolean {
  return status.startsWith('UP');
}

function agentUrlOf({ http }: Settings): string {
  const { host, port } = http.listen;
  const every: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return `http://${bracketed(every[host] ?? host)}:${port}`;
}
