import type { SocketAddress } from '../config';
import type { ConfigLine, ConfigText, ParsedConfig, Place } from './parse-config';
import type { SpoeSection } from './parse-spoe-config';
import { frontendsOf, type Proxy, proxiesOf } from './proxy';
import { type Acls, aclsOf, type Situation } from './rule-condition';

/** What of the agent's settings haproxy.cfg must fit. */
export interface ExpectedOfConfig {
  /** Name of the backend with the MediaMTX servers. */
  readonly backend: string;
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
  /** SPOE configurations by engine; `problem` where the file cannot be read. */
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

/** What all rules look at. */
export interface ConfigContext extends LoadedConfig {
  readonly expected: ExpectedOfConfig;
  readonly proxies: readonly Proxy[];
  readonly backend: Proxy;
  /** Frontends that lead to the backend, then the backend: in the order in which a request meets them. */
  readonly way: readonly Proxy[];
  readonly rules: readonly Rule[];
  readonly bridge: Bridge | undefined;
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
  const base = { ...loaded, expected, proxies, backend, way, rules };
  const likely = likelyAgentBackend(rules, proxies);
  const bridge = bridgeOf(rules, loaded.spoe, likely);
  return { ...base, bridge, agentBackend: bridge?.agentBackend ?? likely };
}

function likelyAgentBackend(rules: readonly Rule[], proxies: readonly Proxy[]): string {
  const gates = rules.flatMap(({ words }) => words.join(' ').match(/(?<=\bnbsrv\()[^()]+(?=\))/g) ?? []);
  return gates.find((name) => proxies.some((proxy) => proxy.name === name)) ?? 'mtx_agent';
}

function bridgeOf(rules: readonly Rule[], spoe: LoadedConfig['spoe'], likely: string): Bridge | undefined {
  for (const rule of rules) {
    const { words } = rule;
    if (words[0] === 'filter' && words[1] === 'spoe') {
      const engine = valueAfter(words, 'engine') ?? '';
      const loaded = spoe.get(engine);
      const agents = loaded?.sections.filter(({ kind }) => kind === 'spoe-agent') ?? [];
      const [agentSection] = agents;
      const find = (...keyword: string[]) =>
        agentSection?.lines.findLast((line) => keyword.every((word, i) => line.words[i] === word));
      const prefix = find('option', 'var-prefix')?.words[2] ?? agentSection?.name ?? 'mtx';
      const agentBackend = find('use-backend')?.words[1] ?? likely;
      // Other engines on the way (a firewall's, say) are none of ours.
      if (isOurs(loaded) || !rules.some((other) => other !== rule && isOtherBridge(other, engine))) {
        return { kind: 'spoe', place: rule, prefix, engine, spoe: loaded, agentSection, agentBackend };
      }
    }
    if (isLuaQuestion(words)) {
      return {
        kind: 'lua',
        place: rule,
        prefix: 'mtx',
        engine: undefined,
        spoe: undefined,
        agentSection: undefined,
        agentBackend: likely,
      };
    }
  }
  return undefined;
}

/** The agent's engine is the one whose messages carry a stream, or whose file cannot be read. */
function isOurs(spoe: LoadedSpoe | undefined): boolean {
  if (spoe?.problem !== undefined) return true;
  return spoe?.sections.some(({ lines }) => lines.some(({ text }) => /\bstream=/.test(text))) === true;
}

function isOtherBridge({ words }: Rule, engine: string): boolean {
  return (
    isLuaQuestion(words) || (words[0] === 'filter' && words[1] === 'spoe' && valueAfter(words, 'engine') !== engine)
  );
}

/** `http-request lua.mtxpilot`. */
export function isLuaQuestion(words: readonly string[]): boolean {
  return words[0] === 'http-request' && words[1] === 'lua.mtxpilot';
}

/** The word that follows a keyword. */
export function valueAfter(words: readonly string[], keyword: string): string | undefined {
  const at = words.indexOf(keyword);
  return at < 0 ? undefined : words[at + 1];
}

/** A request for the master playlist of a stream that HAProxy knows nothing of, with the agent up or down. */
export function masterRequest({ bridge, agentBackend }: ConfigContext, agentsUp: number): Situation {
  const prefix = bridge?.prefix ?? 'mtx';
  return {
    path: '/live/a/index.m3u8',
    serversUp: (name) => (name === agentBackend ? agentsUp : undefined),
    variables: { [`txn.${prefix}.server`]: null, [`txn.${prefix}.state`]: null, [`txn.${prefix}.error`]: null },
  };
}
