import type { ConfigLine, ConfigSection, ParsedConfig, Place } from './parse-config';

/** A frontend, backend or listen section with what it inherits. */
export interface Proxy extends Place {
  readonly kind: string;
  readonly name: string;
  readonly lines: readonly ConfigLine[];
  /** Lines of its `defaults` section; none where there is no such section. */
  readonly inherited: readonly ConfigLine[];
}

/** All proxies, each with the `defaults` section it names, else the nearest one above it. */
export function proxiesOf(config: ParsedConfig): Proxy[] {
  const proxies: Proxy[] = [];
  let above: ConfigSection | undefined;
  for (const section of config.sections) {
    if (section.kind === 'defaults') above = section;
    if (!/^(?:frontend|backend|listen)$/.test(section.kind)) continue;
    const from = section.words.indexOf('from');
    const named = from < 0 ? undefined : section.words[from + 1];
    const defaults =
      named === undefined ? above : config.sections.find(({ kind, name }) => kind === 'defaults' && name === named);
    const { kind, name, file, line, lines } = section;
    proxies.push({ kind, name, file, line, lines, inherited: defaults?.lines ?? [] });
  }
  return proxies;
}

/** The line that is in force for a keyword of which the last one counts, such as `balance` or `retries`. */
export function effective(proxy: Proxy, ...keyword: readonly string[]): ConfigLine | undefined {
  const isIt = ({ words }: ConfigLine): boolean => keyword.every((word, i) => words[i] === word);
  return proxy.lines.findLast(isIt) ?? proxy.inherited.findLast(isIt);
}

/** Where to change a keyword that is in force: its line, or the section, where the line is inherited or there is none. */
export function placeToChange(proxy: Proxy, line: ConfigLine | undefined): { place: Place; verb: 'write' | 'add' } {
  return line !== undefined && proxy.lines.includes(line)
    ? { place: line, verb: 'write' }
    : { place: proxy, verb: 'add' };
}

/** The line that sets an option, unless `no option` has the last word. */
export function effectiveOption(proxy: Proxy, option: string): ConfigLine | undefined {
  const own = optionIn(proxy.lines, option);
  return own === undefined ? (optionIn(proxy.inherited, option) ?? undefined) : (own ?? undefined);
}

/** Null where it is switched off, undefined where nothing is said. */
function optionIn(lines: readonly ConfigLine[], option: string): ConfigLine | null | undefined {
  const line = lines.findLast(({ words }) => {
    const [first, second] = words[0] === 'no' ? words.slice(1) : words;
    return first === 'option' && second === option;
  });
  return line?.words[0] === 'no' ? null : line;
}

/** The frontends (and listen sections) from which requests come to a backend. */
export function frontendsOf(proxies: readonly Proxy[], backend: string): Proxy[] {
  return proxies.filter(
    ({ kind, name, lines, inherited }) =>
      kind !== 'backend' &&
      (name === backend ||
        [...inherited, ...lines].some(
          ({ words }) =>
            (words[0] === 'default_backend' || words[0] === 'use_backend') &&
            // A name that is made at run time may be any.
            (words[1] === backend || words[1]?.includes('%[') === true),
        )),
  );
}

/** A server of a backend as the configuration has it. */
export interface ConfiguredServer extends Place {
  readonly name: string;
  /** As written: `127.0.0.11:8888`, `host:8888`, `unix@/path`. */
  readonly address: string;
  /** Options of the line, with those of `default-server` before them. */
  readonly options: readonly string[];
  /** How many a `server-template` makes; 1 for a `server`. */
  readonly count: number;
}

/** The servers of a backend. */
export function serversOf(proxy: Proxy): ConfiguredServer[] {
  const servers: ConfiguredServer[] = [];
  let common = proxy.inherited
    .filter(({ words }) => words[0] === 'default-server')
    .flatMap(({ words }) => words.slice(1));
  for (const { words, file, line } of proxy.lines) {
    if (words[0] === 'default-server') common = [...common, ...words.slice(1)];
    if (words[0] === 'server') {
      const [, name = '', address = '', ...options] = words;
      servers.push({ file, line, name, address, options: [...common, ...options], count: 1 });
    }
    if (words[0] === 'server-template') {
      const [, name = '', number = '', address = '', ...options] = words;
      const count = Number(/(\d+)$/.exec(number)?.[1] ?? 1);
      servers.push({ file, line, name, address, options: [...common, ...options], count });
    }
  }
  return servers;
}

/** Whether a server is checked: `check` without a later `no-check`. */
export function isChecked({ options }: ConfiguredServer): boolean {
  return options.lastIndexOf('check') > options.lastIndexOf('no-check');
}
