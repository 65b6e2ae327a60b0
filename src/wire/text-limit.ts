/** Whether a text has at most so many characters, as JSON Schema counts them: one outside the basic plane, such as an emoji, is one. */
export function hasAtMost(text: string, most: number): boolean {
  // None takes more than two code units, so that a long text need not be counted.
  return text.length <= most || (text.length <= 2 * most && Array.from(text).length <= most);
}
