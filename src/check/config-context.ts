import { formatAddress, type SocketAddress } from '../config';
import { type ConfigLine, type ConfigText, type ParsedConfig, type Place, valueAfter } from './parse-config';
import type { SpoeSection } from './parse-spoe-config';
import { frontendsOf, type Proxy, proxiesOf, serversOf } from './proxy';
import { type Acls, aclsOf, acts, type Situation } from './rule-condition';

/** What of the agent's settings haproxy.cfg must fit. */
export interface ExpectedOfConfig {
  /** Name of the backend with the MediaMTX servers. */
  readonly backend: string;
  /** Name of the backend with the relays, if there is one. */
  readonly relayBackend: string;
  /** Stats sockets that the agent asks, as text: a path or `host:port`. This HAProxy's is one of them. */
  readonly sockets: readonly string[];
  readonly lookupDeadlineMs: number;
  /** Where the agent listens; null: not at all. */
  readonly spoeListen: SocketAddress | null;
  readonly httpListen: { readonly host: string; readonly port: number };
  /** Where the agent takes what HAProxy's tables hold; null: not at all. */
  readonly peersListen: { readonly host: string; readonly port: number } | null;
  /** After so long without a request a viewer is gone for the agent. */
  readonly viewerGoneAfterMs: number;
  /** Whether the agent sets weights by load (control.weights). */
  readonly weights: 'config' | 'auto';
  /** The map that the agent fills, as its settings name it; null: none. */
  readonly map: string | null;
}

/** A configuration that was read from disk, with the files beside it. */
export interface LoadedConfig {
  readonly config: ParsedConfig;
  /** The files as they were read. */
  readonly texts: readonly ConfigText[];
  /** SPOE configurations by spoeKey; `problem` where the file cannot be read. */
  readonly spoe: ReadonlyMap<string, LoadedSpoe>;
  /** Files that rules name, such as maps: resolved path, and whether it is there. */
  readonly resolve: (file: string) => string;
  readonly exists: (file: string) => boolean;
  /** Name of this machine, which HAProxy takes for its own name among peers when nothing else is said. */
  readonly hostName: string;
}

export interface LoadedSpoe {
  readonly file: string;
  readonly sections: readonly SpoeSection[];
  readonly problem: string | undefined;
}

/** A rule of a proxy with the ACLs that its condition may name. */
export interface Rule extends ConfigLine {
  readonly acls: Acls;
}

/** How the agent is asked. */
export interface Bridge {
  readonly kind: 'spoe' | 'lua';
  /** The filter or the rule. */
  readonly place: Place;
  /** Variables are `txn.<prefix>.server` and `txn.<prefix>.state`. */
  readonly prefix: string;
  readonly engine: string | undefined;
  readonly spoe: LoadedSpoe | undefined;
  readonly agentSection: SpoeSection | undefined;
  /** The backend with the agents. */
  readonly agentBackend: string;
}

/** An SPOE filter that is another program's. */
export interface OtherFilter {
  readonly engine: string;
  readonly file: string | undefined;
  /** Why its file could not be read. */
  readonly problem: string | undefined;
}

/** What all rules look at. */
export interface ConfigContext extends LoadedConfig {
  readonly expected: ExpectedOfConfig;
  readonly proxies: readonly Proxy[];
  readonly backend: Proxy;
  /** Frontends that lead to the backend, then the backend: in the order in which a request meets them. */
  readonly way: readonly Proxy[];
  readonly rules: readonly Rule[];
  /** Variables that no rule sets for ordinary paths, such as the one for paths with escapes. */
  readonly unset: Readonly<Record<string, null>>;
  readonly bridge: Bridge | undefined;
  /** SPOE filters on the way that ask other programs. */
  readonly otherFilters: readonly OtherFilter[];
  /** The backend with the agents; where nobody asks them, the one whose servers are counted, else the usual name. */
  readonly agentBackend: string;
}

/** The context of a configuration, or undefined when it has not got the backend. */
export function contextOf(loaded: LoadedConfig, expected: ExpectedOfConfig): ConfigContext | undefined {
  const proxies = proxiesOf(loaded.config);
  const backend = proxies.find(({ kind, name }) => kind !== 'frontend' && name === expected.backend);
  if (backend === undefined) return undefined;
  const frontends = frontendsOf(proxies, backend.name).filter((frontend) => frontend !== backend);
  const way = [...frontends, backend];
  const rules = way.flatMap((proxy) => {
    const lines = [...proxy.inherited, ...proxy.lines];
    const acls = aclsOf(lines);
    return lines.map((line): Rule => ({ ...line, acls }));
  });
  const base = { ...loaded, expected, proxies, backend, way, rules, unset: unsetVariables(rules) };
  return { ...base, ...questionsOn(rules, proxies, loaded.spoe, expected) };
}

const masterPath = '/live/a/index.m3u8';
const ordinaryPaths = [masterPath, '/live/a/video1_stream.m3u8', '/live/a/1f_video1_seg7.mp4', '/live/a/seg7.ts'];

function unsetVariables(rules: readonly Rule[]): Record<string, null> {
  const unset = new Map<string, null>();
  const maybeSet = new Set<string>();
  for (const { words, acls } of rules) {
    const [, name] = /^set-var(?:-fmt)?\(([^(),]+)/.exec(words[1] ?? '') ?? [];
    if (name === undefined) continue;
    const isIdle = ordinaryPaths.every(
      (path) => acts(words, acls, { path, serversUp: () => undefined, variables: {} }) === false,
    );
    if (isIdle) unset.set(name, null);
    else maybeSet.add(name);
  }
  for (const name of maybeSet) unset.delete(name);
  return Object.fromEntries(unset);
}

function likelyAgentBackend(
  rules: readonly Rule[],
  proxies: readonly Proxy[],
  others: ReadonlySet<string | undefined>,
): string {
  const gates = rules.flatMap(({ words }) => words.join(' ').match(/(?<=\bnbsrv\()[^()]+(?=\))/g) ?? []);
  return gates.find((name) => proxies.some((proxy) => proxy.name === name) && !others.has(name)) ?? 'mtx_agent';
}

/** An SPOE filter on the way, with what its engine says. */
interface SpoeFilter {
  readonly place: Rule;
  readonly engine: string;
  readonly spoe: LoadedSpoe | undefined;
  readonly agentSection: SpoeSection | undefined;
  readonly agentBackend: string | undefined;
  readonly prefix: string | undefined;
}

function filterOf(rule: Rule, spoe: LoadedConfig['spoe']): SpoeFilter | undefined {
  if (rule.words[0] !== 'filter' || rule.words[1] !== 'spoe') return undefined;
  const engine = valueAfter(rule.words, 'engine') ?? '';
  const loaded = spoe.get(spoeKey(rule.words));
  const agentSection = loaded?.sections.find(({ kind }) => kind === 'spoe-agent');
  const find = (...keyword: string[]) =>
    agentSection?.lines.findLast((line) => keyword.every((word, i) => line.words[i] === word));
  return {
    place: rule,
    engine,
    spoe: loaded,
    agentSection,
    agentBackend: find('use-backend')?.words[1],
    prefix: find('option', 'var-prefix')?.words[2],
  };
}

/** What the way to the servers asks; other engines on it (a firewall's, say) are none of ours. */
interface Questions {
  readonly bridge: Bridge | undefined;
  readonly otherFilters: readonly OtherFilter[];
  readonly agentBackend: string;
}

function questionsOn(
  rules: readonly Rule[],
  proxies: readonly Proxy[],
  spoe: LoadedConfig['spoe'],
  { spoeListen }: ExpectedOfConfig,
): Questions {
  const filters = rules.flatMap((rule) => filterOf(rule, spoe) ?? []);
  const mine = filters.find((filter) => isOurs(filter, proxies, spoeListen));
  const others = filters.filter((filter) => filter !== mine);
  const likely = likelyAgentBackend(rules, proxies, new Set(others.map(({ agentBackend }) => agentBackend)));
  const lua = rules.find(({ words }) => isLuaQuestion(words));
  const bridge = bridgeOf(mine, lua, likely);
  return {
    bridge,
    otherFilters: others.map(({ engine, spoe: read }) => ({ engine, file: read?.file, problem: read?.problem })),
    agentBackend: bridge?.agentBackend ?? likely,
  };
}

function bridgeOf(mine: SpoeFilter | undefined, lua: Rule | undefined, likely: string): Bridge | undefined {
  if (mine !== undefined) {
    const { place, engine, spoe, agentSection, prefix, agentBackend } = mine;
    return {
      kind: 'spoe',
      place,
      prefix: prefix ?? agentSection?.name ?? ownName,
      engine,
      spoe,
      agentSection,
      agentBackend: agentBackend ?? likely,
    };
  }
  if (lua === undefined) return undefined;
  const nothing = { engine: undefined, spoe: undefined, agentSection: undefined };
  return { ...nothing, kind: 'lua', place: lua, prefix: ownName, agentBackend: likely };
}

/** The engine's name in the shipped files, and the prefix of the variables that it sets. */
const ownName = 'mtx';

/**
 * Whether a filter is the agent's: by its name, by what it sends (a stream), by what it sets, or by whom it asks. A file that cannot be read proves
 * nothing: it may be another program's, and closed to this one for good reason.
 */
function isOurs(
  { engine, spoe, agentSection, prefix, agentBackend }: SpoeFilter,
  proxies: readonly Proxy[],
  spoeListen: SocketAddress | null,
): boolean {
  if (engine === ownName || (prefix ?? agentSection?.name) === ownName) return true;
  const args = (spoe?.sections ?? [])
    .filter(({ kind }) => kind === 'spoe-message')
    .flatMap(({ lines }) => lines.flatMap(({ words }) => (words[0] === 'args' ? words.slice(1) : [])));
  if (args.some((arg) => arg.startsWith('stream='))) return true;
  const asked = proxies.find(({ kind, name }) => kind !== 'frontend' && name === agentBackend);
  const mine = spoeListen === null ? undefined : formatAddress(spoeListen);
  return (
    asked !== undefined && mine !== undefined && serversOf(asked).some(({ address }) => plainAddress(address) === mine)
  );
}

/** Without the kind of address, which may be left out. */
export function plainAddress(address: string): string {
  return address.replace(/^(?:unix|ipv4|ipv6|tcp)@/, '');
}

/** `http-request lua.mtxpilot`. */
export function isLuaQuestion(words: readonly string[]): boolean {
  return words[0] === 'http-request' && words[1] === 'lua.mtxpilot';
}

/** What tells SPOE filters apart: the engine, and the file that it is in. */
export function spoeKey(words: readonly string[]): string {
  return `${valueAfter(words, 'engine') ?? ''} ${valueAfter(words, 'config') ?? ''}`;
}

/** A variable that the agent sets, e.g. `txn.mtx.server`. */
export function variableOf({ bridge }: Pick<ConfigContext, 'bridge'>, name: string): string {
  return `txn.${bridge?.prefix ?? ownName}.${name}`;
}

/** Those rules that act while no agent is up, or on what the agent is not asked about. */
export function rulesWithoutGate(context: ConfigContext, rules: readonly Rule[]): Rule[] {
  const dead = masterRequest(context, 0);
  const child = { ...dead, path: '/live/a/video1_stream.m3u8' };
  return rules.filter(({ words, acls }) => acts(words, acls, dead) !== false || acts(words, acls, child) !== false);
}

/** A request for the master playlist of a stream that HAProxy knows nothing of, with the agent up or down. */
export function masterRequest(context: ConfigContext, agentsUp: number): Situation {
  const none = ['server', 'state', 'elsewhere', 'error'].map((name) => [variableOf(context, name), null] as const);
  return {
    path: masterPath,
    serversUp: (name) => (name === context.agentBackend ? agentsUp : undefined),
    variables: { ...context.unset, ...Object.fromEntries(none) },
  };
}
