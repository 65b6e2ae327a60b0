import type { Attribute } from './attributes';

/** What the variables of a playlist are, from outside of it. */
export interface VariableSources {
  /** Of the playlist, after redirects: what `QUERYPARAM` takes its values from. */
  readonly url?: string;
  /** Of the master playlist: what `IMPORT` takes its values from. */
  readonly imported?: ReadonlyMap<string, string>;
}

/** The variables that EXT-X-DEFINE makes (RFC 8216bis, 4.3). */
export interface Variables {
  /** All that are defined so far. */
  readonly values: ReadonlyMap<string, string>;
  /** Takes the attributes of one EXT-X-DEFINE. @returns why it defines nothing; undefined when it does. */
  define(attributes: Iterable<Attribute>): string | undefined;
  /** The text with the values of its variables; undefined where one is not defined, or the values are too long. */
  substituted(text: string): string | undefined;
}

const mostVariables = 1000;
const longestValue = 8192;
/** Of all texts of a playlist together: a line of references to one long value costs as much as it becomes long. */
const mostSubstituted = 2 * 1024 * 1024;
const reference = /\{\$([A-Za-z0-9_-]+)\}/g;

export function createVariables({ url, imported }: VariableSources): Variables {
  const values = new Map<string, string>();
  const query = new URLSearchParams(/\?([^#]*)/.exec(url ?? '')?.[1]);
  let left = mostSubstituted;

  function valueOf(kind: 'NAME' | 'IMPORT' | 'QUERYPARAM', name: string, value: string | undefined) {
    if (kind === 'IMPORT') return imported?.get(name);
    if (kind === 'QUERYPARAM') return query.get(name) ?? undefined;
    return value === undefined ? undefined : substituted(value);
  }

  function substituted(text: string): string | undefined {
    if (!text.includes('{$')) return text;
    let missing = 0;
    const made = text.replace(reference, (whole, name: string) => {
      const value = values.get(name);
      left -= value?.length ?? 0;
      if (value !== undefined && left >= 0) return value;
      missing++;
      return whole;
    });
    return missing === 0 ? made : undefined;
  }

  return {
    values,
    substituted,
    define(attributes) {
      const given = new Map<string, string>();
      for (const { name, value } of attributes) if (!given.has(name)) given.set(name, value);
      const kind = (['NAME', 'IMPORT'] as const).find((one) => given.has(one)) ?? 'QUERYPARAM';
      const name = given.get(kind);
      if (name === undefined || !/^[A-Za-z0-9_-]{1,256}$/.test(name)) return 'The variable has no valid name.';
      const value = valueOf(kind, name, given.get('VALUE'));
      if (value === undefined) return 'The variable has no value.';
      if (value.length > longestValue) return `The value has more than ${longestValue} characters.`;
      if (values.has(name)) return 'The variable is defined already.';
      if (values.size >= mostVariables) return `The playlist has more than ${mostVariables} variables.`;
      values.set(name, value);
      return undefined;
    },
  };
}
