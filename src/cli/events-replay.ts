import { WebhookList } from '../api/schemas';
import { type AgentOptions, addChangeOptions } from './agent-options';
import { askAgent } from './ask-agent';
import { printable } from './printable';
import { show } from './show';
import { parseSince } from './since';
import { exitCodes, type RegisterCommand } from './terminal';
import type { Tolerant } from './tolerant';

interface ReplayOptions extends AgentOptions {
  readonly webhook?: string;
  readonly after?: string;
  readonly since?: string;
  readonly reason?: string;
  readonly operator: string;
}

/** `mtxpilot events replay`: everything from a time or an id on is delivered again. */
export const eventsReplay: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('replay')
    .option('--webhook <name>', 'only to this one; without it, to all')
    .option('--since <time>', 'events from then on: how long ago (30m), or a time (2026-11-21T10:00:00Z)', parseSince)
    .option('--after <id>', 'events after this one')
    .description('deliver events again, under their old ids; a webhook that answered 410 is tried again');
  addChangeOptions(command, terminal.env);
  command.action(async (options: ReplayOptions) => {
    const { agent, json, webhook, after, since, reason, operator } = options;
    if ((after === undefined) === (since === undefined)) {
      command.error('error: give either --since or --after, to say from where on events are delivered again');
    }
    const body = { webhook, after, since, reason, operator };
    const answer = await askAgent(agent, '/v1/events/replay', WebhookList, { method: 'POST', body });
    exit(show(terminal, answer, { json, text: describe, exitCode: () => exitCodes.ok }));
  });
};

function describe({ webhooks }: Tolerant<typeof WebhookList>): string {
  return webhooks
    .map(
      ({ name, waiting }) =>
        `${printable(name)}: ${waiting === 1 ? '1 event' : `${waiting ?? 'unknown'} events`} to deliver\n`,
    )
    .join('');
}
