import { WebhookList } from '../api/schemas';
import { ownValue } from '../wire';
import { type AgentOptions, addAgentOptions } from './agent-options';
import { askAgent } from './ask-agent';
import type { Colour, Paint } from './colour';
import { formatAge } from './format-age';
import { formatTable } from './format-table';
import { show } from './show';
import { exitCodes, type RegisterCommand } from './terminal';
import type { Tolerant } from './tolerant';

type Webhooks = Tolerant<typeof WebhookList>;

const colours: Readonly<Record<string, Colour>> = { delivering: 'green', failing: 'yellow', gone: 'red' };

/** `mtxpilot events webhooks`: who gets events, and how that goes. */
export const eventsWebhooks: RegisterCommand = (program, terminal, exit) => {
  const command = program.command('webhooks').description('who receives events, and how delivery is going');
  addAgentOptions(command, terminal.env);
  command.action(async ({ agent, json }: AgentOptions) => {
    const answer = await askAgent(agent, '/v1/webhooks', WebhookList);
    exit(show(terminal, answer, { json, text: list, exitCode: () => exitCodes.ok }));
  });
};

function list({ webhooks }: Webhooks, paint: Paint): string {
  if (webhooks.length === 0) return 'no webhooks are configured (events.webhooks)\n';
  const rows = webhooks.map(({ name, state, waiting, oldestAgeMs, types, streams, trouble }) => [
    name,
    { text: state, colour: ownValue(colours, state) },
    waiting,
    (waiting ?? 0) === 0 ? undefined : formatAge(oldestAgeMs),
    [types?.join(',') ?? '', streams ?? ''].filter((part) => part !== '').join(' of ') || 'all',
    trouble,
  ]);
  return formatTable(['WEBHOOK', 'STATE', 'WAITING', 'OLDEST', 'EVENTS', 'TROUBLE'], rows, paint);
}
