import { type AgentOptions, addAgentOptions } from './agent-options';
import { routeShape } from './api-shapes';
import { askAgent } from './ask-agent';
import { formatTable } from './format-table';
import { foundOrNot, show } from './show';
import type { RegisterCommand } from './terminal';

/** `mtxpilot where STREAM`: the decision that HAProxy would get. Exit code 0 when a server has the stream, else 1. */
export const where: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('where')
    .argument('<stream>', 'name of a stream, such as live/studio/a')
    .option('--session <key>', 'for which session, where holders are spread', '')
    .description('where a viewer of a stream is sent now');
  addAgentOptions(command, terminal.env);
  command.action(async (stream: string, options: AgentOptions & { readonly session: string }) => {
    const query = new URLSearchParams({ stream, session: options.session }).toString();
    const answer = await askAgent(options.url, `/v1/route?${query}`, routeShape);
    exit(
      show(terminal, answer, {
        json: options.json,
        text: (route) => formatTable(['STREAM', 'STATE', 'SERVER'], [[route.stream, route.state, route.server]]),
        exitCode: foundOrNot,
      }),
    );
  });
};
