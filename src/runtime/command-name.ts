/** The commands that are told apart in figures. */
export const commandNames = [
  'show info',
  'show env',
  'show stat',
  'show servers',
  'show table',
  'show map',
  'set server',
  'clear table',
  'prepare map',
  'add map',
  'set map',
  'del map',
  'clear map',
  'commit map',
  'other',
] as const;
export type CommandName = (typeof commandNames)[number];

const known: ReadonlySet<string> = new Set(commandNames);

/** What a command counts as: its first two words, or `other`. Never an argument, so the set is bounded. */
export function commandName(words: readonly string[]): CommandName {
  const name = words.slice(0, 2).join(' ');
  return known.has(name) ? (name as CommandName) : 'other';
}
