/**
 * The sum of a metric's samples in the Prometheus text format whose labels contain `labels`; 0 when there are none.
 * Label values with escapes in them are not understood: those of the agent's own counters have none.
 */
export function sumOfMetric(text: string, name: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  let sum = 0;
  for (const line of text.split('\n')) {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    const given = (match?.[2] ?? '').split(',');
    if (match?.[1] === name && wanted.every((label) => given.includes(label))) sum += Number(match[3]);
  }
  return sum;
}
