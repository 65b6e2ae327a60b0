import { addIntentCommand, addWaitOptions, carryOutIntent, type IntentOptions } from './intent-command';
import type { RegisterCommand } from './terminal';

/** `mtxpilot maint SERVER`: nobody is sent there, and those who play are located anew. */
export const maint: RegisterCommand = (program, terminal, exit) => {
  const command = addIntentCommand(
    program,
    terminal,
    'maint',
    'send nobody to a server; those who play there are located anew. In force until ready',
  );
  addWaitOptions(command);
  command.action(async (server: string, options: IntentOptions) => {
    exit(await carryOutIntent(terminal, 'maint', server, options));
  });
};
