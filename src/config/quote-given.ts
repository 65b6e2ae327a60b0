/** A value as it was given, for a message: one line, control characters escaped, at most 60 characters of a text. */
export function quoteGiven(given: unknown): string {
  if (given === null || given === undefined) return 'nothing';
  if (Array.isArray(given)) return 'a list';
  if (typeof given === 'object') return 'a section';
  return typeof given === 'string' ? quoteText(given) : JSON.stringify(given);
}

export function quoteText(text: string): string {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  // JSON escapes C0; DEL, C1 and the characters that turn the direction of writing would still reach a terminal.
  return JSON.stringify(shown).replace(/[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
