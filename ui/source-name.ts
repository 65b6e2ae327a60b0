/** A source by its place in the list: `primary`, `backup 1`, … */
export function sourceName(index: number): string {
  return index === 0 ? 'primary' : `backup ${index}`;
}
