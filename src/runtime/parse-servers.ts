import { failure, quote, type RuntimeResult, success } from './result';

/**
 * `srv_op_state`, by its number (management guide, "show servers state"):
 * 0 stopped (DOWN), 1 starting (UP, in its slow start), 2 running (UP), 3 stopping (UP, but not load-balanced: NOLB).
 */
const operationalStates = ['stopped', 'starting', 'running', 'stopping'] as const;

/** One line of `show servers state`. */
export interface ServerState {
  readonly backendId: number;
  readonly backendName: string;
  readonly serverId: number;
  readonly serverName: string;
  /** IPv4, or IPv6 without brackets; undefined where HAProxy prints `-` (name not resolved yet, or a Unix socket). */
  readonly address: string | undefined;
  /** The host name that HAProxy resolves, if the server was given by name. */
  readonly fqdn: string | undefined;
  /** 0 for a Unix socket. */
  readonly port: number;
  readonly operational: (typeof operationalStates)[number];
  /** Bit mask `srv_admin_state`; see administrativeState. */
  readonly adminBits: number;
  /** The weight in force; 0 means that load balancing never picks it. */
  readonly weight: number;
  /** The weight of the configuration file. */
  readonly configuredWeight: number;
  readonly secondsSinceLastChange: number;
}

const columns = [
  'be_id',
  'be_name',
  'srv_id',
  'srv_name',
  'srv_addr',
  'srv_op_state',
  'srv_admin_state',
  'srv_uweight',
  'srv_iweight',
  'srv_time_since_last_change',
  'srv_fqdn',
  'srv_port',
] as const;
type Column = (typeof columns)[number];

/**
 * Reads the reply of `show servers state`, format 1: a line `1`, a line `# be_id be_name …`, a line a server.
 * Columns are found by their names, so a version that adds some is read all the same.
 * Error: `unexpected`, naming the line. A reply with one bad line is no reply: half a fleet would look like servers that were removed.
 */
export function parseServersState(text: string): RuntimeResult<ServerState[]> {
  const lines = text.split('\n');
  if (lines[0] !== '1') return unexpected(1, lines[0], 'expected the format number 1');
  const header = lines[1] ?? '';
  if (!header.startsWith('# ')) return unexpected(2, header, 'expected the names of the columns');
  const positions = columnPositions(header);
  if (typeof positions === 'string') return unexpected(2, header, `there is no column ${positions}`);

  const states: ServerState[] = [];
  const seen = new Set<string>();
  for (const [index, line] of lines.entries()) {
    if (index < 2 || line === '') continue;
    const state = parseLine(line, positions);
    if (typeof state === 'string') return unexpected(index + 1, line, state);
    const name = `${state.backendName}/${state.serverName}`;
    if (seen.has(name)) return unexpected(index + 1, line, `${name} comes twice`);
    seen.add(name);
    states.push(state);
  }
  return success(states);
}

type Positions = Readonly<Record<Column, number>>;

/** Where each column stands, or the name of one that is missing. */
function columnPositions(header: string): Positions | string {
  const names = header.slice(2).split(' ');
  const found = columns.map((column) => [column, names.indexOf(column)] as const);
  const missing = found.find(([, position]) => position < 0);
  return missing === undefined ? (Object.fromEntries(found) as Positions) : missing[0];
}

/** One server, or what is wrong with the line. */
function parseLine(line: string, positions: Positions): ServerState | string {
  const fields = line.split(' ');
  const text = (column: Column): string => fields[positions[column]] ?? '';
  let wrong: Column | undefined;
  const name = (column: Column): string => {
    if (!/^[\w.:-]{1,255}$/.test(text(column))) wrong ??= column;
    return text(column);
  };
  const number = (column: Column, highest = Number.MAX_SAFE_INTEGER): number => {
    const value = /^\d{1,15}$/.test(text(column)) ? Number(text(column)) : Number.NaN;
    if (!(value <= highest)) wrong ??= column;
    return value;
  };
  const optional = (column: Column): string | undefined => {
    const value = text(column);
    if (!/^[\w.:%-]{1,255}$/.test(value)) wrong ??= column;
    return value === '-' ? undefined : value;
  };
  const state: ServerState = {
    backendId: number('be_id'),
    backendName: name('be_name'),
    serverId: number('srv_id'),
    serverName: name('srv_name'),
    address: optional('srv_addr'),
    fqdn: optional('srv_fqdn'),
    port: number('srv_port', 65535),
    operational: operationalStates[number('srv_op_state', operationalStates.length - 1)] ?? 'stopped',
    adminBits: number('srv_admin_state', 0xffff),
    weight: number('srv_uweight', 256),
    configuredWeight: number('srv_iweight', 256),
    secondsSinceLastChange: number('srv_time_since_last_change'),
  };
  return wrong === undefined ? state : `${wrong} is ${quote(text(wrong))}`;
}

function unexpected(lineNumber: number, line: string | undefined, why: string): RuntimeResult<never> {
  return failure('unexpected', `line ${lineNumber} of "show servers state" is ${quote(line ?? '')}: ${why}`);
}
