import { ownValue } from '../wire';
import { both, either } from './block-condition';
import type { ConfigLine } from './parse-config';

/** A request (and its answer), as far as conditions of rules are judged by it. */
export interface Situation {
  /** Such as `/live/a/index.m3u8`. */
  readonly path: string;
  /** How many servers of a backend are up; undefined when that is open. */
  readonly serversUp: (backend: string) => number | undefined;
  /** Variables that are known: their value, or null where they are certainly not set. Others are open. */
  readonly variables: Readonly<Record<string, string | null>>;
  /** The status of the answer; undefined before there is one. */
  readonly status?: number;
  /** What else is known about samples, by their text, such as `var(txn.viewer),table_server_id(sessions)`. */
  readonly samples?: Readonly<Record<string, string>>;
}

/** Named ACLs of a section: the words behind each name; several of one name are alternatives. */
export type Acls = ReadonlyMap<string, readonly (readonly string[])[]>;

/** The ACLs that lines define. */
export function aclsOf(lines: readonly ConfigLine[]): Acls {
  const acls = new Map<string, (readonly string[])[]>();
  for (const { words } of lines) {
    const [keyword, name = '', ...test] = words;
    if (keyword !== 'acl') continue;
    const known = acls.get(name);
    if (known === undefined) acls.set(name, [test]);
    else known.push(test);
  }
  return acls;
}

/**
 * Whether a rule acts in a situation, by its words from `if` or `unless` on (configuration manual, 7.2). A rule without a condition always acts.
 * Undefined where it cannot be told. Never throws.
 */
export function acts(words: readonly string[], acls: Acls, situation: Situation): boolean | undefined {
  const start = words.findIndex((word) => word === 'if' || word === 'unless');
  if (start < 0) return true;
  const value = evaluate(words.slice(start + 1), acls, situation);
  return words[start] === 'unless' ? negate(value) : value;
}

function negate(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value;
}

/** Terms side by side are all needed; `or` and `||` part alternatives. */
function evaluate(words: readonly string[], acls: Acls, situation: Situation): boolean | undefined {
  let whole: boolean | undefined = false;
  let term: boolean | undefined = true;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === 'or' || word === '||') {
      whole = either(whole, term);
      term = true;
      continue;
    }
    let isNegated = false;
    let name = word;
    while (name.startsWith('!')) {
      isNegated = !isNegated;
      name = name.slice(1);
      if (name === '') name = words[++at] ?? '';
    }
    let value: boolean | undefined;
    if (name === '{') {
      const close = words.indexOf('}', at);
      const test = words.slice(at + 1, close < 0 ? undefined : close);
      at = close < 0 ? words.length : close;
      value = testSample(test, situation);
    } else value = testNamed(name, acls, situation);
    term = both(term, isNegated ? negate(value) : value);
  }
  return either(whole, term);
}

function testNamed(name: string, acls: Acls, situation: Situation): boolean | undefined {
  const tests = acls.get(name);
  if (tests !== undefined) {
    return tests.reduce<boolean | undefined>((value, test) => either(value, testSample(test, situation)), false);
  }
  if (name === 'TRUE' || name === 'HTTP') return true;
  if (name === 'FALSE' || name === 'METH_POST') return false;
  return name === 'METH_GET' ? true : undefined;
}

const pathTests: Readonly<Record<string, string>> = {
  path: 'str',
  path_beg: 'beg',
  path_dir: 'dir',
  path_end: 'end',
  path_reg: 'reg',
  path_sub: 'sub',
};

/** One test: a sample, flags, perhaps an operator, and patterns of which one must match. */
function testSample(words: readonly string[], situation: Situation): boolean | undefined {
  const [sample = '', ...rest] = words;
  let method = ownValue(pathTests, sample);
  let isCaseless = false;
  let at = 0;
  for (; at < rest.length; at++) {
    const flag = rest[at] ?? '';
    if (flag === '-m') method = rest[++at];
    else if (flag === '-i') isCaseless = true;
    else if (flag === '-f' || flag === '-M') return undefined;
    else if (flag !== '-n' && flag !== '-u') break;
  }
  if (rest[at] === '--') at++;
  const patterns = rest.slice(at);
  const known = valueOf(sample, situation);
  if (known === undefined) return undefined;
  if (method === 'found') return known !== null;
  if (known === null) return false;
  if (method === 'bool') return known !== '0' && known !== '' && known !== 'false';
  if (method === undefined || method === 'int') {
    if (/^-?\d+$/.test(known) && patterns.length > 0) return testNumber(Number(known), patterns);
    if (patterns.length === 0) return known !== '0' && known !== '';
    return patterns.includes(known);
  }
  const results = patterns.map((pattern) =>
    isCaseless
      ? testText(known.toLowerCase(), method, pattern.toLowerCase(), true)
      : testText(known, method, pattern, false),
  );
  return results.reduce((value, result) => either(value, result), false);
}

/** The value of a sample; null when it is certainly not there, undefined when that is open. */
function valueOf(sample: string, situation: Situation): string | null | undefined {
  const given = ownValue(situation.samples ?? {}, sample);
  if (given !== undefined) return given;
  if (Object.hasOwn(pathTests, sample)) return situation.path;
  if (sample === 'status') return situation.status === undefined ? undefined : String(situation.status);
  if (sample === 'always_true' || sample === 'bool(true)' || sample === 'bool(1)') return '1';
  if (sample === 'always_false' || sample === 'bool(false)' || sample === 'bool(0)') return '0';
  if (sample === 'method') return 'GET';
  const [, fetch = '', argument = ''] = /^(\w+)\(([^(),/]+)(?:\/[^(),/]+)?\)$/.exec(sample) ?? [];
  if (fetch === 'nbsrv') return situation.serversUp(argument)?.toString();
  if (fetch === 'srv_is_up') {
    const up = situation.serversUp(argument);
    return up === undefined ? undefined : String(Math.min(up, 1));
  }
  return fetch === 'var' ? ownValue(situation.variables, argument) : undefined;
}

function testNumber(value: number, patterns: readonly string[]): boolean | undefined {
  let operator = 'eq';
  let isMatch = false;
  for (const pattern of patterns) {
    if (/^(eq|ge|gt|le|lt)$/.test(pattern)) {
      operator = pattern;
      continue;
    }
    const [, low, colon, high] = /^(-?\d*)(:?)(-?\d*)$/.exec(pattern) ?? [];
    if (low === undefined || (low === '' && high === '')) return undefined;
    isMatch ||= colon === ':' ? isInRange(value, low, high ?? '') : compare(value, operator, Number(low));
  }
  return isMatch;
}

function isInRange(value: number, low: string, high: string): boolean {
  return (low === '' || value >= Number(low)) && (high === '' || value <= Number(high));
}

function compare(value: number, operator: string, bound: number): boolean {
  switch (operator) {
    case 'ge':
      return value >= bound;
    case 'gt':
      return value > bound;
    case 'le':
      return value <= bound;
    case 'lt':
      return value < bound;
    default:
      return value === bound;
  }
}

function testText(value: string, method: string, pattern: string, isCaseless: boolean): boolean | undefined {
  switch (method) {
    case 'str':
      return value === pattern;
    case 'beg':
      return value.startsWith(pattern);
    case 'end':
      return value.endsWith(pattern);
    case 'sub':
      return value.includes(pattern);
    case 'dir':
      return `/${value}/`.includes(`/${pattern}/`);
    case 'reg':
      return testPattern(value, pattern, isCaseless);
    default:
      return undefined;
  }
}

/**
 * A regular expression of the configuration's owner, on a short path of ours. Only plain ones are run: JavaScript's may take exponential time where
 * PCRE gives up, and groups that are repeated are what it takes.
 */
function testPattern(value: string, pattern: string, isCaseless: boolean): boolean | undefined {
  if (pattern.length > 200 || /\)[*+{?]/.test(pattern) || /\\[1-9]|\(\?/.test(pattern)) return undefined;
  try {
    return new RegExp(pattern, isCaseless ? 'i' : '').test(value);
  } catch {
    // Valid for PCRE perhaps: it cannot be told.
    return undefined;
  }
}
