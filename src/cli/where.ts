import { Route } from '../api/schemas';
import { type AgentOptions, addAgentOptions } from './agent-options';
import { askAgent } from './ask-agent';
import { colourOf } from './colour';
import { formatTable } from './format-table';
import { foundOrNot } from './show';
import type { RegisterCommand } from './terminal';
import { addWatchOption, showOrWatch } from './watch';

/** `mtxpilot where STREAM`: the decision that HAProxy would get. Exit code 0 when a server has the stream, else 1. */
export const where: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('where')
    .argument('<stream>', 'name of a stream, such as live/studio/a')
    .option('--session <key>', 'for this session, where viewers are spread over several holders', '')
    .description('where a viewer of a stream is sent now');
  addWatchOption(command);
  addAgentOptions(command, terminal.env);
  type Options = AgentOptions & { readonly session: string; readonly watch: boolean };
  command.action(async (stream: string, options: Options) => {
    const query = new URLSearchParams({ stream, session: options.session }).toString();
    const ask = () => askAgent(options.agent, `/v1/route?${query}`, Route);
    exit(
      await showOrWatch(command, terminal, ask, {
        json: options.json,
        watch: options.watch,
        text: ({ stream: name, state, server }, paint) =>
          formatTable(['STREAM', 'STATE', 'SERVER'], [[name, { text: state, colour: colourOf(state) }, server]], paint),
        exitCode: foundOrNot,
      }),
    );
  });
};
