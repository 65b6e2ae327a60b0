import type { Environment } from './split-line';

/** What conditions of `.if` lines may ask for. */
export interface ConditionFacts {
  readonly environment: Environment;
  /** HAProxy's version, such as `3.0.11-1`; undefined when it is not known. */
  readonly version: string | undefined;
  /** What HAProxy itself said of predicates such as `feature(LUA)`, by their text. */
  readonly answers?: ReadonlyMap<string, boolean>;
  /** Told of every other predicate that was met, whose value cannot be told here. */
  readonly onUnknown?: (predicate: string) => void;
}

/**
 * The value of a `.if` or `.elif` condition (configuration manual, 2.4 "Conditional blocks"): `streq`, `strneq`, `strstr`, `defined`,
 * `version_atleast`, `version_before`, numbers, `!`, `&&`, `||` and parentheses. Undefined where it cannot be told: another predicate
 * without an answer, an unknown version, or text that is no condition. Never throws.
 */
export function evaluateBlockCondition(text: string, facts: ConditionFacts): boolean | undefined {
  if (text.trim() === '') return false;
  if (text.length > longestCondition) return undefined;
  const reader: Reader = { text, at: 0, depth: 0, isBroken: false };
  const value = readOr(reader, facts);
  skipBlanks(reader);
  return reader.isBroken || reader.at < text.length ? undefined : value;
}

/** HAProxy's own bound for a line is 2048. */
const longestCondition = 4096;
const deepest = 64;

interface Reader {
  readonly text: string;
  at: number;
  depth: number;
  isBroken: boolean;
}

function readOr(reader: Reader, facts: ConditionFacts): boolean | undefined {
  let value = readAnd(reader, facts);
  while (take(reader, '||')) value = either(value, readAnd(reader, facts));
  return value;
}

function readAnd(reader: Reader, facts: ConditionFacts): boolean | undefined {
  let value = readTerm(reader, facts);
  while (take(reader, '&&')) value = both(value, readTerm(reader, facts));
  return value;
}

function readTerm(reader: Reader, facts: ConditionFacts): boolean | undefined {
  let isNegated = false;
  while (take(reader, '!')) isNegated = !isNegated;
  const value = readAtom(reader, facts);
  return value === undefined ? undefined : value !== isNegated;
}

function readAtom(reader: Reader, facts: ConditionFacts): boolean | undefined {
  if (take(reader, '(')) {
    reader.depth++;
    if (reader.depth > deepest) {
      reader.isBroken = true;
      return undefined;
    }
    const value = readOr(reader, facts);
    reader.depth--;
    if (!take(reader, ')')) reader.isBroken = true;
    return value;
  }
  const number = match(reader, /\d+/y);
  if (number !== undefined) return Number(number) !== 0;
  const predicate = match(reader, /[a-z_]+\(/y);
  const words = predicate === undefined ? undefined : match(reader, /[^()]*/y);
  if (predicate === undefined || words === undefined || !take(reader, ')')) {
    reader.isBroken = true;
    return undefined;
  }
  return evaluatePredicate(predicate.slice(0, -1), words.split(','), facts);
}

function evaluatePredicate(name: string, words: readonly string[], facts: ConditionFacts): boolean | undefined {
  const [first = '', second = ''] = words;
  switch (name) {
    case 'streq':
      return first === second;
    case 'strneq':
      return first !== second;
    case 'strstr':
      return first.includes(second);
    case 'defined':
      return facts.environment.has(first);
    case 'version_atleast': {
      const order = compareVersions(facts.version, first);
      return order === undefined ? undefined : order >= 0;
    }
    case 'version_before': {
      const order = compareVersions(facts.version, first);
      return order === undefined ? undefined : order < 0;
    }
    default: {
      const predicate = `${name}(${words.join(',')})`;
      const answer = facts.answers?.get(predicate);
      if (answer === undefined) facts.onUnknown?.(predicate);
      return answer;
    }
  }
}

/** Negative when `left` is older; only the numbers count. Undefined where one is no version. */
export function compareVersions(left: string | undefined, right: string): number | undefined {
  const numbers = (version: string): number[] | undefined =>
    /^\d+(\.\d+)*/.exec(version)?.[0].split('.').slice(0, 4).map(Number);
  const [a, b] = [numbers(left ?? ''), numbers(right)];
  if (a === undefined || b === undefined) return undefined;
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** And of three-valued logic: undefined is "cannot be told". */
export function both(left: boolean | undefined, right: boolean | undefined): boolean | undefined {
  if (left === false || right === false) return false;
  return left === undefined || right === undefined ? undefined : true;
}

/** Or of three-valued logic. */
export function either(left: boolean | undefined, right: boolean | undefined): boolean | undefined {
  if (left === true || right === true) return true;
  return left === undefined || right === undefined ? undefined : false;
}

function skipBlanks(reader: Reader): void {
  while (reader.text[reader.at] === ' ' || reader.text[reader.at] === '\t') reader.at++;
}

function take(reader: Reader, token: string): boolean {
  skipBlanks(reader);
  if (!reader.text.startsWith(token, reader.at)) return false;
  reader.at += token.length;
  return true;
}

function match(reader: Reader, pattern: RegExp): string | undefined {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text)?.[0];
  reader.at += found?.length ?? 0;
  return found;
}
