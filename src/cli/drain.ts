import { addIntentCommand, addWaitOptions, carryOutIntent, type IntentOptions } from './intent-command';
import type { RegisterCommand } from './terminal';

/**
 * `mtxpilot drain SERVER`: no new viewers there; with `--wait`, until it is safe to stop (else 4 at `--timeout`, 130 at Ctrl-C). With `--wait` and
 * neither `--reason` nor `--deadline` a drain that is in force stays as it was ordered.
 */
export const drain: RegisterCommand = (program, terminal, exit) => {
  const command = addIntentCommand(
    program,
    terminal,
    'drain',
    'send no new viewers to a server; those already playing stay. In force until maint or ready',
  );
  command.option('--deadline <duration>', 'after how long the drain turns into maint, such as 30m');
  addWaitOptions(command);
  command.action(async (server: string, options: IntentOptions) => {
    exit(await carryOutIntent(terminal, 'drain', server, options));
  });
};
