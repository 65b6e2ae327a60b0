import { addIntentCommand, carryOutIntent, type IntentOptions } from './intent-command';
import type { RegisterCommand } from './terminal';

/** `mtxpilot ready SERVER`: the end of drain and maint. */
export const ready: RegisterCommand = (program, terminal, exit) => {
  const command = addIntentCommand(program, terminal, 'ready', 'use a server again, after drain or maint');
  command.action(async (server: string, options: IntentOptions) => {
    exit(await carryOutIntent(terminal, 'ready', server, options));
  });
};
