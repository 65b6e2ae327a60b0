/** What a figure is held against: something measured in the same run, so that it means the same on every machine. */
export interface Goal {
  /** `<=1.3` or `>=0.9`; none where the figure is only told. */
  readonly goal?: string | undefined;
  /** What the figure is a ratio to. */
  readonly yardstick: string;
}

/** One figure, as `--json` prints it. */
export interface Row {
  /** The name of the bench: `route`. */
  readonly bench: string;
  readonly case: string;
  /** The version of the HAProxy that took part. */
  readonly haproxy: string;
  readonly value: number;
  /** What the value is, with its unit: `decider-us/decision`, `ratio of req/s`. */
  readonly unit: string;
  /** Undefined (and not in the JSON) for a value that is no ratio. */
  readonly yardstick: string | undefined;
  /** `<=1.3` or `>=0.9`; undefined where there is none. */
  readonly goal: string | undefined;
  readonly met: boolean | undefined;
}

/** Makes rows of one bench. Only a ratio has a goal: absolute values differ from machine to machine by half. */
export function createRows(bench: string, haproxy: string) {
  const rows: Row[] = [];
  return {
    rows,
    add: (name: string, unit: string, value: number, against?: Goal): void => {
      const { goal, yardstick } = against ?? {};
      const [, operator, bound] = /^(<=|>=)(.+)$/.exec(goal ?? '') ?? [];
      const met =
        operator === undefined ? undefined : operator === '<=' ? value <= Number(bound) : value >= Number(bound);
      rows.push({ bench, case: name, haproxy, value: round(value), unit, yardstick, goal, met });
    },
  };
}

/** The rows as JSON for programs (`--json`), else as a Markdown table for people. */
export function print(rows: readonly Row[], head: string): void {
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify(rows, undefined, 2));
    return;
  }
  console.log(`${head}\n\n| case | figure | value | yardstick | goal | |\n|---|---|---|---|---|---|`);
  for (const row of rows) {
    const verdict = row.met === undefined ? '' : row.met ? 'met' : 'NOT met';
    console.log(
      `| ${row.case} | ${row.unit} | ${row.value} | ${row.yardstick ?? ''} | ${row.goal ?? ''} | ${verdict} |`,
    );
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
