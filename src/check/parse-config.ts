import { type ConditionFacts, evaluateBlockCondition } from './block-condition';
import { splitLine } from './split-line';

/** Where something stands. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** A line that is in force, taken apart. */
export interface ConfigLine extends Place {
  /** At least one. */
  readonly words: readonly string[];
  /** As it is written, without the blanks at both ends. */
  readonly text: string;
}

/** A section: its first line, and the lines below it. */
export interface ConfigSection extends Place {
  /** `global`, `defaults`, `frontend`, `backend`, `listen`, `peers`, … */
  readonly kind: string;
  /** Empty where it has none. */
  readonly name: string;
  /** The rest of its first line. */
  readonly words: readonly string[];
  readonly lines: readonly ConfigLine[];
}

/** A remark of the parser about a line. */
export interface Remark extends Place {
  readonly message: string;
}

export interface ParsedConfig {
  /** In their order; `.if` blocks that are not in force are left out. */
  readonly sections: readonly ConfigSection[];
  /** What HAProxy would refuse already when it takes the line apart. */
  readonly mistakes: readonly Remark[];
  /** Conditions whose value cannot be told here; what depends on them counts as in force. */
  readonly undecided: readonly Remark[];
  /** The variables at the end: those given, and what `setenv` and its kin made of them. */
  readonly environment: ReadonlyMap<string, string>;
}

/** The line of `global` with this keyword that is in force: the last one. */
export function globalLine({ sections }: ParsedConfig, keyword: string): ConfigLine | undefined {
  return sections
    .filter(({ kind }) => kind === 'global')
    .flatMap(({ lines }) => lines)
    .findLast(({ words }) => words[0] === keyword);
}

/** One file of a configuration. */
export interface ConfigText {
  readonly file: string;
  readonly text: string;
}

const sectionKinds = new Set(
  'global defaults frontend backend listen peers resolvers mailers userlist cache program ring http-errors fcgi-app log-forward log-profile crt-store traces acme'.split(
    ' ',
  ),
);

/** A block between `.if` and `.endif`. */
interface Block {
  readonly isOuterActive: boolean;
  /** Whether a branch was certainly taken: then no further one is. */
  isDone: boolean;
  isActive: boolean;
}

/**
 * Reads an HAProxy configuration (one or several files, as `-f` takes them) without judging its keywords. Tolerant: what it does not
 * understand is kept as words, or remarked upon. Never throws; the time is linear in the length of the text.
 */
export function parseConfig(texts: readonly ConfigText[], facts: ConditionFacts): ParsedConfig {
  const environment = new Map(facts.environment);
  const sections: (ConfigSection & { readonly lines: ConfigLine[] })[] = [];
  const mistakes: Remark[] = [];
  const undecided: Remark[] = [];

  for (const { file, text } of texts) {
    const blocks: Block[] = [];
    for (const [index, raw] of text.split('\n').entries()) {
      const place: Place = { file, line: index + 1 };
      const { words, mistake } = splitLine(raw, environment);
      const [first] = words;
      if (first === undefined) continue;
      if (first.startsWith('.')) {
        const message = enterBlock(blocks, words, { ...facts, environment });
        if (message !== undefined) (message.isMistake ? mistakes : undecided).push({ ...place, message: message.text });
        continue;
      }
      if (blocks.at(-1)?.isActive === false) continue;
      if (mistake !== undefined) mistakes.push({ ...place, message: mistake });
      if (sectionKinds.has(first)) {
        sections.push({ ...place, kind: first, name: sectionName(words), words: words.slice(1), lines: [] });
        continue;
      }
      const section = sections.at(-1);
      if (section === undefined) {
        mistakes.push({ ...place, message: `"${first}" stands before any section` });
        continue;
      }
      if (section.kind === 'global') changeEnvironment(environment, words);
      section.lines.push({ ...place, words, text: raw.trim() });
    }
    if (blocks.length > 0) mistakes.push({ file, line: text.split('\n').length, message: '.if without .endif' });
  }
  return { sections, mistakes, undecided, environment };
}

/** `defaults from x` has no name, `defaults a from x` has. */
function sectionName([, name = '']: readonly string[]): string {
  return name === 'from' ? '' : name;
}

/** Follows `.if` and its kin; other words with a dot (`.notice`, …) change nothing. */
function enterBlock(
  blocks: Block[],
  words: readonly string[],
  facts: ConditionFacts,
): { readonly isMistake: boolean; readonly text: string } | undefined {
  const [directive] = words;
  const condition = words.slice(1).join(' ');
  const branch = (block: Block, value: boolean | undefined) => {
    block.isActive = block.isOuterActive && !block.isDone && value !== false;
    block.isDone ||= value === true;
    const isOpen = block.isActive && value === undefined;
    return isOpen ? { isMistake: false, text: `the condition "${condition}"` } : undefined;
  };
  if (directive === '.if') {
    const isOuterActive = blocks.at(-1)?.isActive ?? true;
    const block: Block = { isOuterActive, isDone: false, isActive: false };
    blocks.push(block);
    return branch(block, isOuterActive ? evaluateBlockCondition(condition, facts) : false);
  }
  if (directive !== '.elif' && directive !== '.else' && directive !== '.endif') return undefined;
  const block = blocks.at(-1);
  if (block === undefined) return { isMistake: true, text: `${directive} without .if` };
  if (directive === '.endif') blocks.pop();
  else return branch(block, directive === '.else' ? true : evaluateBlockCondition(condition, facts));
  return undefined;
}

/** `setenv`, `presetenv`, `unsetenv` and `resetenv` act on the lines that follow. */
function changeEnvironment(environment: Map<string, string>, [keyword, ...words]: readonly string[]): void {
  const [name, value] = words;
  if (keyword === 'setenv' && name !== undefined) environment.set(name, value ?? '');
  if (keyword === 'presetenv' && name !== undefined && !environment.has(name)) environment.set(name, value ?? '');
  if (keyword === 'unsetenv') for (const word of words) environment.delete(word);
  if (keyword === 'resetenv') {
    for (const known of [...environment.keys()]) if (!words.includes(known)) environment.delete(known);
  }
}

/** The word that follows a keyword. */
export function valueAfter(words: readonly string[], keyword: string): string | undefined {
  const at = words.indexOf(keyword);
  return at < 0 ? undefined : words[at + 1];
}

/** All lines of the sections of a kind, such as `peers`. */
export function linesOf({ sections }: Pick<ParsedConfig, 'sections'>, kind: string): ConfigLine[] {
  return sections.filter((section) => section.kind === kind).flatMap(({ lines }) => lines);
}
