import type { Environment } from './split-line';

/**
 * Those variables of HAProxy's environment that a configuration names, and the bridge's own (`MTX_…`, which its Lua file reads). No others: they are to be
 * handed to a program, and whoever answers on the socket must not choose what that program loads.
 */
export function namedVariables(environment: Environment, texts: readonly string[]): Map<string, string> {
  const named = new Set(texts.flatMap((text) => text.match(/(?<=\$\{?|defined\()[A-Za-z_]\w*/g) ?? []));
  return new Map(
    [...environment].filter(
      ([name]) => (named.has(name) || /^MTX\d*(?:_|$)/.test(name)) && !/^(?:LD|HAPROXY)_/.test(name),
    ),
  );
}
