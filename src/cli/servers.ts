import { ControlledServer, ServerList } from '../api/schemas';
import { type AgentOptions, addAgentOptions } from './agent-options';
import { askAgent } from './ask-agent';
import { colourOf, type Paint } from './colour';
import { formatAge } from './format-age';
import { type Cell, formatTable } from './format-table';
import { printable } from './printable';
import { exitCodes, type RegisterCommand } from './terminal';
import type { Tolerant } from './tolerant';
import { addWatchOption, showOrWatch } from './watch';

type Servers = Tolerant<typeof ServerList>['servers'];
type EmptySlots = NonNullable<Tolerant<typeof ServerList>['emptySlots']>;

/** `mtxpilot servers`: the fleet, as HAProxy and the Control APIs have it. Exit code 1 when a server is in trouble. */
export const servers: RegisterCommand = (program, terminal, exit) => {
  const command = program.command('servers').description('the servers, their states and their Control APIs');
  addWatchOption(command);
  addAgentOptions(command, terminal.env);
  command.action(async (options: AgentOptions & { readonly watch: boolean }) => {
    const ask = () => askAgent(options.agent, '/v1/servers', ServerList);
    exit(
      await showOrWatch(command, terminal, ask, {
        json: options.json,
        watch: options.watch,
        text: ({ servers: fleet, emptySlots }, paint) => describe(fleet, emptySlots ?? [], paint),
        exitCode: ({ servers: fleet }) =>
          fleet.length === 0 || fleet.some(isInTrouble) ? exitCodes.problem : exitCodes.ok,
      }),
    );
  });
};

const mostNamed = 10;

/** A server that an operator has not taken out, and that is DOWN or whose API fails. */
function isInTrouble({ operational, administrative, api }: Servers[number]): boolean {
  if (administrative === 'maint') return false;
  return operational === 'DOWN' || api.health === 'failing' || api.health === 'suspect';
}

function describe(fleet: Servers, emptySlots: EmptySlots, paint: Paint): string {
  const empty = describeEmpty(emptySlots);
  if (fleet.length === 0) {
    return empty === ''
      ? 'no servers are known: HAProxy has not answered the agent, see its log\n'
      : `no servers: HAProxy has no address for any of them\n${empty}`;
  }
  const isControlled = fleet.some(({ control }) => control !== null && control !== undefined);
  const columns = [
    // Where all are MediaMTX, nobody needs to be told.
    ...(fleet.some(({ kind }) => kind === 'relay') ? [kindColumn] : []),
    ...stateColumns,
    ...(isControlled ? controlColumns : []),
    ...loadColumns,
  ];
  const rows = fleet.map((server) => columns.map(([, cell]) => cell(server)));
  const titles = columns.map(([title]) => title);
  return formatTable(titles, rows, paint) + empty;
}

/** Slots of which something is wanted first, for that is what somebody may have forgotten. */
function describeEmpty(slots: EmptySlots): string {
  if (slots.length === 0) return '';
  const told = slots.map(({ name, intent }) => (typeof intent?.kind === 'string' ? `${name} (${intent.kind})` : name));
  const named = [...told.filter((_, i) => slots[i]?.intent), ...told.filter((_, i) => !slots[i]?.intent)];
  const more = named.length > mostNamed ? ` and ${named.length - mostNamed} more` : '';
  const what = slots.length === 1 ? '1 empty slot' : `${slots.length} empty slots`;
  return `${what}, without an address in HAProxy: ${named.slice(0, mostNamed).map(printable).join(', ')}${more}\n`;
}

type Column = readonly [title: string, cell: (server: Servers[number]) => Cell];

const coloured = (text: string | null | undefined): Cell => ({ text, colour: colourOf(text) });

const kindColumn: Column = ['KIND', ({ kind }) => kind];
const stateColumns: readonly Column[] = [
  ['SERVER', ({ name }) => name],
  ['ADDRESS', ({ address, port }) => `${address ?? '-'}:${port ?? '-'}`],
  ['STATE', ({ operational }) => coloured(operational)],
  ['ADMIN', ({ administrative }) => coloured(administrative)],
];
const controlColumns: readonly Column[] = [
  ['WANTED', ({ control }) => coloured(control?.wanted)],
  ['LEFT', ({ control }) => control?.viewersLeft],
  ['ONLY HERE', ({ control }) => control?.onlyHereCount],
  [
    'STOP',
    ({ control }) =>
      control?.safeToStop === true ? { text: 'safe', colour: 'green' } : control === null ? undefined : 'no',
  ],
];
const loadColumns: readonly Column[] = [
  ['API', ({ api }) => coloured(api.health)],
  ['VERSION', ({ api }) => api.version],
  ['LIST AGE', ({ api }) => formatAge(api.inventoryAgeMs)],
  ['STREAMS', ({ streams }) => streams],
  ['VIEWERS', ({ viewers }) => viewers],
  ['READERS', ({ readers }) => readers],
  ['NOTE', ({ api, backup, control }) => noteOf(control, api.lastError, backup === true)],
];

/** What control says of a server of which nothing is wanted. */
const nothingWanted = 'no order says otherwise';

/** Who wants something of the server, or why control does, and what its Control API fails with. */
function noteOf(
  control: Servers[number]['control'],
  lastError: string | null | undefined,
  isBackup: boolean,
): string | undefined {
  const { intent, wanted, because } = control ?? {};
  // What an operator wanted is not why something else is wanted now.
  const order = intent?.kind === wanted ? intent : undefined;
  const said = `${order?.operator ?? ''}: ${order?.reason ?? ''}`;
  const rest =
    order !== undefined && because?.startsWith(said) ? because.slice(said.length).replace(/^; /, '') : because;
  const notes = [
    isBackup ? 'backup' : undefined,
    order === null || order === undefined ? undefined : orderNote(order),
    rest,
    lastError,
  ];
  return notes.filter((note) => note && note !== nothingWanted).join('; ') || undefined;
}

function orderNote({
  kind,
  operator,
  reason,
  deadline,
}: NonNullable<Tolerant<typeof ControlledServer>['intent']>): string {
  const until = typeof deadline === 'string' ? `, maint at ${deadline}` : '';
  return `${kind} by ${operator ?? 'somebody'}${reason ? `: ${reason}` : ''}${until}`;
}
