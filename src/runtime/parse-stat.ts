import { failure, quote, type RuntimeResult, success } from './result';

/** The column `type` of `show stat`, by its number. */
const lineTypes = ['frontend', 'backend', 'server', 'listener'] as const;

/** One line of `show stat`: a frontend, a backend's sum, a server or a listener. Counters are since the start of the process. */
export interface StatLine {
  readonly proxy: string;
  /** The server's name; `FRONTEND` or `BACKEND` for the sums. */
  readonly server: string;
  readonly type: (typeof lineTypes)[number];
  /** HAProxy's words, e.g. `UP`, `UP 1/3`, `DOWN`, `NOLB`, `MAINT (via mtx/a)`, `DRAIN`, `no check`, `OPEN`. */
  readonly status: string;
  /** A server that is used only when no other is left (`backup`). */
  readonly isBackup: boolean;
  /** The weight in force; undefined for a frontend. */
  readonly weight: number | undefined;
  readonly currentSessions: number;
  readonly totalSessions: number;
  /** Requests that wait for a place; undefined for a frontend. */
  readonly queued: number | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** What the last health check said, e.g. `L4OK`, `L4CON`; undefined without checks. */
  readonly checkStatus: string | undefined;
}

const columns = [
  'pxname',
  'svname',
  'type',
  'status',
  'weight',
  'bck',
  'scur',
  'stot',
  'qcur',
  'bin',
  'bout',
  'check_status',
] as const;
type Column = (typeof columns)[number];

/**
 * Reads the reply of `show stat`: CSV (RFC 4180) under a line `# pxname,svname,…`. Columns are found by their names; versions add some.
 * Error: `unexpected`, naming the line. One bad line makes the whole reply bad.
 */
export function parseStat(text: string): RuntimeResult<StatLine[]> {
  const [header = '', ...lines] = text.split('\n');
  if (!header.startsWith('# ')) return unexpected(1, header, 'expected the names of the columns');
  const names = header.slice(2).split(',');
  const positions = new Map(columns.map((column) => [column, names.indexOf(column)]));
  for (const [column, position] of positions) {
    if (position < 0) return unexpected(1, header, `there is no column ${column}`);
  }
  const found: StatLine[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    const fields = splitCsv(line);
    if (fields.length !== names.length) {
      return unexpected(index + 2, line, `it has ${fields.length} fields under ${names.length} names`);
    }
    const read = parseLine((column) => fields[positions.get(column) ?? -1] ?? '');
    if (typeof read === 'string') return unexpected(index + 2, line, read);
    found.push(read);
  }
  return success(found);
}

/** One line, or what is wrong with it. */
function parseLine(field: (column: Column) => string): StatLine | string {
  let wrong: Column | undefined;
  const text = (column: Column, pattern: RegExp): string => {
    if (!pattern.test(field(column))) wrong ??= column;
    return field(column);
  };
  const optional = (column: Column): number | undefined => {
    const value = text(column, /^\d{0,15}$/);
    return value === '' ? undefined : Number(value);
  };
  const type = lineTypes[optional('type') ?? -1];
  if (type === undefined) return `type is ${quote(field('type'))}`;
  const line: StatLine = {
    proxy: text('pxname', /^[\w.:-]{1,255}$/),
    server: text('svname', /^[\w.:/@-]{1,255}$/),
    type,
    status: text('status', /^[ -~]{1,255}$/),
    isBackup: type === 'server' && optional('bck') === 1,
    weight: optional('weight'),
    currentSessions: Number(text('scur', /^\d{1,15}$/)),
    totalSessions: Number(text('stot', /^\d{1,15}$/)),
    queued: optional('qcur'),
    bytesIn: Number(text('bin', /^\d{1,15}$/)),
    bytesOut: Number(text('bout', /^\d{1,15}$/)),
    // A star before it: a check is under way.
    checkStatus: text('check_status', /^[ -~]{0,64}$/).replace(/^\* /, '') || undefined,
  };
  return wrong === undefined ? line : `${wrong} is ${quote(field(wrong))}`;
}

/** The fields of one line; a quoted one may hold commas and doubled quotes. */
function splitCsv(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}

function unexpected(lineNumber: number, line: string, why: string): RuntimeResult<never> {
  return failure('unexpected', `line ${lineNumber} of "show stat" is ${quote(line)}: ${why}`);
}
