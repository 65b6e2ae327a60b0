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
  /** The SRV record that fills it with address, port and host name, if it was given by one. */
  readonly srvRecord: string | undefined;
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
/** Nothing hangs on it where no server has one. */
const srvRecord = 'srvrecord';
type Column = (typeof columns)[number] | typeof srvRecord;

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
  const record = names.indexOf(srvRecord);
  const missing = found.find(([, position]) => position < 0);
  return missing === undefined ? (Object.fromEntries([...found, [srvRecord, record]]) as Positions) : missing[0];
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
    const value = positions[column] < 0 ? '-' : text(column);
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
    srvRecord: optional('srvrecord'),
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

/**
 * Bits of `srv_admin_state` (management guide, "show servers state"; SRV_ADMF_* in HAProxy's source).
 * `configuredMaint` (0x04) is no state: it remembers that the configuration says `disabled`, and stays set after `set server … state ready`.
 * 0x40 is no state either: the host name was set over the Runtime API.
 */
const forcedMaint = 0x01;
const inheritedMaint = 0x02;
const forcedDrain = 0x08;
const inheritedDrain = 0x10;
const resolutionMaint = 0x20;

/**
 * HAProxy's own reading of the mask, as `show stat` has it: maint beats drain, `inherited` comes from a tracked server,
 * `resolution` means that the server's name has no address (yet).
 */
export function administrativeState(adminBits: number): 'ready' | 'drain' | 'maint' {
  if ((adminBits & (forcedMaint | inheritedMaint | resolutionMaint)) !== 0) return 'maint';
  if ((adminBits & (forcedDrain | inheritedDrain)) !== 0) return 'drain';
  return 'ready';
}

/** Also what `init-addr` may give to a server whose name has no address. */
const unspecified: ReadonlySet<string | undefined> = new Set([undefined, '0.0.0.0', '::']);

/**
 * The name that HAProxy resolves in vain for this server, or the SRV record; undefined for a server that it can reach. HAProxy keeps such a server in maintenance
 * (`srv_admin_state` 0x20): it may be an unused one of a `server-template`, or one whose name has lost its address.
 */
export function emptySlotName({ address, fqdn, srvRecord }: ServerState): string | undefined {
  return unspecified.has(address) ? (fqdn ?? srvRecord) : undefined;
}

/** Whether HAProxy looks again and again for the server's address, so that it can come, change and go. */
export function isResolved({ fqdn, srvRecord }: ServerState): boolean {
  return fqdn !== undefined || srvRecord !== undefined;
}
