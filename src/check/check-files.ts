import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { formatAddress, haproxyNodes, type Settings } from '../config';
import type { ConditionFacts } from './block-condition';
import { checkChroot } from './check-chroot';
import { checkConfig } from './check-config';
import { type ConfigContext, contextOf, type ExpectedOfConfig, type LoadedConfig } from './config-context';
import { type Finding, right, wrong } from './finding';
import { askCondition, checkWithProgram, haproxyProgramVersion, type ProgramOptions } from './haproxy-program';
import { loadConfig } from './load-config';
import { namedVariables } from './named-variables';
import type { RuntimeView } from './runtime-view';

export interface FilesToCheck {
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  /** As `-f` takes it. Default: `haproxy.config`, what the running HAProxy names, the usual place. */
  readonly file?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const usualFile = '/etc/haproxy/haproxy.cfg';

/** What was found in the files of HAProxy's configuration, and what else of the preflight needs of them. */
interface CheckedFiles {
  readonly findings: readonly Finding[];
  readonly context: ConfigContext | undefined;
  /** Full paths. */
  readonly files: readonly string[];
  readonly programVersion: string | undefined;
}

/** Reads and checks HAProxy's configuration. At a start nothing is told of what this process may just not see. */
export async function checkFiles(
  options: FilesToCheck,
  depth: 'full' | 'start-up',
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
    const what = 'The location of haproxy.cfg is not known.';
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
  const ask = isOther || found === undefined ? undefined : { bin, environment: own, folder, signal };
  const loaded = await loadWithAnswers(file, { environment: inForce, version }, folder, ask);
  if ('problem' in loaded && isStartUp && given === undefined) return { ...nothing, findings: [] };
  if ('problem' in loaded) {
    const what = `${file} cannot be read: ${loaded.problem}.`;
    const change = 'name the right file: mtxpilot check FILE, or haproxy.config in mtxpilot.yaml';
    return { ...nothing, programVersion, findings: [wrong('error', 'config.read', what, undefined, change)] };
  }
  const files = loaded.texts.map((text) => (isAbsolute(text.file) ? text.file : resolve(folder, text.file)));
  const expected = expectedOf(settings);
  const findings = [
    right('config.read', `${file} was read.`),
    ...checkConfig(loaded, expected),
    ...checkChroot(loaded.config, version, view?.info?.pid),
  ];
  if (!isStartUp || programVersion !== undefined) {
    const said = await askProgram(loaded, { bin, own, inForce, file, folder, signal });
    findings.splice(1, 0, ...(isStartUp ? said.filter(({ what }) => !isAboutRights(what)) : said));
  }
  return { findings, context: contextOf(loaded, expected), files, programVersion };
}

/** How many conditions the program is asked about, and how long altogether. Those of people's files are a handful. */
const mostConditions = 32;
const conditionsTimeoutMs = 10_000;

/**
 * Reads the configuration; where it has conditions that only the program can tell (`feature(LUA)`), asks it, and reads again: what is in force then may have
 * conditions of its own.
 */
async function loadWithAnswers(
  file: string,
  facts: ConditionFacts,
  folder: string,
  program: Omit<ProgramOptions, 'files'> | undefined,
): Promise<ReturnType<typeof loadConfig>> {
  const answers = new Map<string, boolean>();
  const asked = new Set<string>();
  const deadline = performance.now() + conditionsTimeoutMs;
  for (;;) {
    const unknown = new Set<string>();
    const onUnknown = (predicate: string): unknown => unknown.size < mostConditions && unknown.add(predicate);
    const loaded = loadConfig(file, { ...facts, answers, onUnknown }, folder);
    const open = [...unknown].filter((predicate) => !asked.has(predicate));
    if (program === undefined || open.length === 0) return loaded;
    for (const predicate of open) {
      if (asked.size >= mostConditions || performance.now() > deadline)
        return loadConfig(file, { ...facts, answers }, folder);
      asked.add(predicate);
      const answer = await askCondition(program, predicate);
      if (answer !== undefined) answers.set(predicate, answer);
    }
  }
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
    relayBackend: haproxy.relayBackend,
    sockets: haproxyNodes({ ...settings, servers: [] }).map(({ socket }) => formatAddress(socket)),
    peersListen: peers.listen,
    viewerGoneAfterMs: viewers.goneAfter,
    lookupDeadlineMs: lookup.deadline,
    spoeListen: spoe.listen,
    httpListen: http.listen,
    map: haproxy.map,
    weights: control.weights,
  };
}
