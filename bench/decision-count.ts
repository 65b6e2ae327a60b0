/** Decisions that an agent has given so far, from its metrics; `http` is its address. */
export async function decisionCount(http: string): Promise<number> {
  const text = await (await fetch(`http://${http}/metrics`)).text();
  const decisions = [...text.matchAll(/^mtxpilot_decisions_total\{.*\} (\d+)$/gm)];
  return decisions.reduce((sum, [, value]) => sum + Number(value), 0);
}
