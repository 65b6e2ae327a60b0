import { runAgent } from '../agent';
import { type Program, runProgram } from './run-program';
import { addSettingOptions, loadFromOptions } from './setting-options';
import { exitCodes, type RegisterCommand } from './terminal';

const program: Program = {
  name: 'agent',
  start: runAgent,
  listens: ({ http, spoe }) => [
    ['http.listen', http.listen.port],
    ['spoe.listen', spoe.listen !== null && 'port' in spoe.listen ? spoe.listen.port : undefined],
  ],
};

/** `mtxpilot agent`: runs until SIGTERM or SIGINT. Exit code 2 for a wrong configuration, 1 when it cannot start. */
export const agent: RegisterCommand = (commands, terminal, exit) => {
  const command = commands.command('agent').description('the sidecar: tells HAProxy which server has a stream');
  addSettingOptions(command, 'agent');
  command.action(async (options: Readonly<Record<string, unknown>>) => {
    const loaded = loadFromOptions(options, terminal, 'agent');
    if (loaded === undefined) exit(exitCodes.usage);
    else await runProgram(program, loaded, terminal, exit);
  });
};
