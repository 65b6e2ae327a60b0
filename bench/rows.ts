/** One figure. `goal` is written as people say it; `met` is undefined where there is none. */
export interface Row {
  readonly bench: string;
  readonly case: string;
  readonly haproxy: string;
  readonly value: number;
  readonly unit: string;
  readonly goal: string | undefined;
  readonly met: boolean | undefined;
}

/** Makes rows of one bench; `goal` like `<=4.5` or `>=0.75`. */
export function createRows(bench: string, haproxy: string) {
  const rows: Row[] = [];
  return {
    rows,
    add: (name: string, unit: string, value: number, goal?: string): void => {
      const [, operator, bound] = /^(<=|>=)(.+)$/.exec(goal ?? '') ?? [];
      const met =
        operator === undefined ? undefined : operator === '<=' ? value <= Number(bound) : value >= Number(bound);
      rows.push({ bench, case: name, haproxy, value: round(value), unit, goal, met });
    },
  };
}

/** The rows as JSON for programs (`--json`), else as a Markdown table for people. */
export function print(rows: readonly Row[], head: string): void {
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify(rows, undefined, 2));
    return;
  }
  console.log(`${head}\n\n| case | figure | value | goal | |\n|---|---|---|---|---|`);
  for (const row of rows) {
    const verdict = row.met === undefined ? '' : row.met ? 'met' : 'NOT met';
    console.log(`| ${row.case} | ${row.unit} | ${row.value} | ${row.goal ?? ''} | ${verdict} |`);
  }
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
