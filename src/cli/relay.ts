import { runRelay } from '../relay';
import { type Program, runProgram } from './run-program';
import { addSettingOptions, loadFromOptions } from './setting-options';
import { exitCodes, type RegisterCommand } from './terminal';

const program: Program = {
  name: 'relay',
  start: runRelay,
  listens: ({ relay: { listen } }) => [['relay.listen', listen.port]],
};

const environment = `
Environment as of m3u-proxy, below MTXPILOT_* and the options:
  HOST, PORT, LOG_LEVEL, API_TOKEN, ROOT_PATH, DEFAULT_USER_AGENT, CLIENT_TIMEOUT, STREAM_TIMEOUT (seconds)`;

/** `mtxpilot relay`: runs until SIGTERM or SIGINT. Exit code 2 for a wrong configuration, 1 when it cannot start. */
export const relay: RegisterCommand = (commands, terminal, exit) => {
  const command = commands.command('relay').description("an origin for providers' URLs, with failover");
  addSettingOptions(command, 'relay').addHelpText('after', environment);
  command.action(async (options: Readonly<Record<string, unknown>>) => {
    const loaded = loadFromOptions(options, terminal, 'relay');
    if (loaded === undefined) exit(exitCodes.usage);
    else await runProgram(program, loaded, terminal, exit);
  });
};
