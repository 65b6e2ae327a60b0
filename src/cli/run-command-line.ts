import { Command, CommanderError } from 'commander';
import { version } from '../version';
import { agent } from './agent';
import { check } from './check';
import { config } from './config';
import { demo } from './demo';
import { printableLines } from './printable';
import { servers } from './servers';
import { sim } from './sim';
import { streams } from './streams';
import { type ExitCode, exitCodes, type RegisterCommand, type Terminal } from './terminal';
import { where } from './where';
import { why } from './why';

/** Every command, in the order of --help. */
const commands: readonly RegisterCommand[] = [agent, sim, demo, check, config, where, why, streams, servers];

const exitCodeHelp = `
Exit codes:
  0  fine
  1  a problem was found, or what was asked for was not found
  2  wrong usage or configuration
  3  the agent cannot be reached`;

/** Runs one command line (without the program's name) and gives its exit code. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const program = new Command('mtxpilot')
    .description('Tells HAProxy which MediaMTX server has a stream.')
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      // It repeats what was given.
      writeErr: (text) => terminal.stderr.write(printableLines(text)),
    })
    .addHelpText('afterAll', exitCodeHelp);
  for (const register of commands) {
    register(program, terminal, (code) => {
      exitCode = code;
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  return exitCode;
}
