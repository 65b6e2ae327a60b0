import { DeadLetterList, Redelivery } from '../api/schemas';
import { type AgentOptions, addChangeOptions } from './agent-options';
import { askAgent } from './ask-agent';
import type { Paint } from './colour';
import { parseEventLimit } from './event-limit';
import { formatTable } from './format-table';
import { printable } from './printable';
import { show } from './show';
import { exitCodes, type RegisterCommand } from './terminal';
import type { Tolerant } from './tolerant';

interface DeadOptions extends AgentOptions {
  readonly webhook?: string;
  readonly limit: number;
  readonly retry: boolean;
  readonly reason?: string;
  readonly operator: string;
}

/** `mtxpilot events dead`: what could not be delivered; with `--retry` each is tried once more. */
export const eventsDead: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('dead')
    .option('--webhook <name>', 'only those of this webhook')
    .option('--limit <number>', 'how many of the latest to list', parseEventLimit, 50)
    .option('--retry', 'try to deliver each once more, now', false)
    .description('dead letters: events that could not be delivered for longer than giveUpAfter');
  addChangeOptions(command, terminal.env);
  command.action(async (options: DeadOptions) => {
    const { agent, json, webhook, limit, retry, reason, operator } = options;
    if (retry) {
      const order = { method: 'POST', body: { webhook, reason, operator } } as const;
      const answer = await askAgent(agent, '/v1/events/dead/redeliver', Redelivery, order);
      const exitCode = ({ failed }: Tolerant<typeof Redelivery>) => (failed === 0 ? exitCodes.ok : exitCodes.problem);
      exit(show(terminal, answer, { json, text: describe, exitCode }));
      return;
    }
    const query = new URLSearchParams({ limit: String(limit), ...(webhook === undefined ? {} : { webhook }) });
    const answer = await askAgent(agent, `/v1/events/dead?${query.toString()}`, DeadLetterList);
    exit(show(terminal, answer, { json, text: list, exitCode: () => exitCodes.ok }));
  });
};

function describe({ delivered, failed, trouble }: Tolerant<typeof Redelivery>): string {
  const why = typeof trouble === 'string' ? `: ${printable(trouble)}` : '';
  return `${delivered} delivered${failed === 0 ? '' : `, ${failed} failed${why}`}\n`;
}

function list({ deadLetters, next }: Tolerant<typeof DeadLetterList>, paint: Paint): string {
  if (deadLetters.length === 0) return 'no dead letters\n';
  const rows = deadLetters.map(({ webhook, event, attempts, reason, time }) => [
    time,
    webhook,
    event.type,
    event.subject,
    event.id,
    attempts,
    reason,
  ]);
  const more = typeof next === 'string' ? 'there are more, --limit shows them\n' : '';
  return formatTable(['GIVEN UP', 'WEBHOOK', 'EVENT', 'ABOUT', 'ID', 'ATTEMPTS', 'WHY'], rows, paint) + more;
}
