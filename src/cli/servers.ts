import { type AgentOptions, addAgentOptions } from './agent-options';
import { serversShape } from './api-shapes';
import { askAgent } from './ask-agent';
import { formatAge } from './format-age';
import { formatTable } from './format-table';
import { show } from './show';
import { exitCodes, type RegisterCommand } from './terminal';

type Servers = ReturnType<typeof serversShape.parse>['servers'];

/** `mtxpilot servers`: the fleet, as HAProxy and the Control APIs have it. Exit code 1 when a server is in trouble. */
export const servers: RegisterCommand = (program, terminal, exit) => {
  const command = program.command('servers').description('the servers, their states and their Control APIs');
  addAgentOptions(command, terminal.env);
  command.action(async (options: AgentOptions) => {
    const answer = await askAgent(options.url, '/v1/servers', serversShape);
    exit(
      show(terminal, answer, {
        json: options.json,
        text: ({ servers: fleet }) => describe(fleet),
        exitCode: ({ servers: fleet }) =>
          fleet.length === 0 || fleet.some(isInTrouble) ? exitCodes.problem : exitCodes.ok,
      }),
    );
  });
};

/** A server that an operator has not taken out, and that is DOWN or whose API fails. */
function isInTrouble({ operational, administrative, api }: Servers[number]): boolean {
  if (administrative === 'maint') return false;
  return operational === 'DOWN' || api.health === 'failing' || api.health === 'suspect';
}

function describe(fleet: Servers): string {
  if (fleet.length === 0) return 'no servers are known: the agent has no answer from HAProxy, see its log\n';
  const rows = fleet.map(({ name, address, port, operational, administrative, api, streams, readers }) => [
    name,
    `${address ?? '-'}:${port ?? '-'}`,
    operational,
    administrative,
    api.health,
    api.version,
    formatAge(api.inventoryAgeMs),
    streams,
    readers,
    api.lastError,
  ]);
  const head = [
    'SERVER',
    'ADDRESS',
    'STATE',
    'ADMIN',
    'API',
    'VERSION',
    'LIST AGE',
    'STREAMS',
    'READERS',
    'LAST ERROR',
  ];
  return formatTable(head, rows);
}
