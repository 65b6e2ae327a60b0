import { Command, CommanderError } from 'commander';
import { version } from '../version';
import { type CommandEntry, commands } from './commands';
import { printableLines } from './printable';
import { type ExitCode, exitCodes, type Terminal } from './terminal';

const exitCodeHelp = `
Exit codes:
  0  fine
  1  a problem was found, what you asked for was not found, or a change was refused
  2  wrong usage or configuration
  3  the agent cannot be reached
  4  --wait: --timeout was over first
  130  Ctrl-C while waiting; the order stays in force`;

/** Runs one command line (without the program's name) and gives its exit code. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const program = new Command('mtxpilot')
    .description('Tells HAProxy which MediaMTX server has a stream.')
    .version(version, '-V, --version', 'print the version')
    .addHelpCommand(
      new Command('help').argument('[command]').summary('the help of a command').helpOption(false).helpGroup('Shell:'),
    )
    // An option after the name of a command is that command's, whatever the one above it has.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      // It repeats what was given.
      writeErr: (text) => terminal.stderr.write(printableLines(text)),
    })
    .addHelpText('afterAll', exitCodeHelp);
  const wanted = commandIn(args);
  for (const entry of commands) {
    // To complete words, all must be known.
    const isLoaded = entry.name === wanted || wanted === 'complete';
    const command = isLoaded ? registered(entry) : program.command(entry.name, { hidden: entry.group === undefined });
    command.summary(entry.summary);
    if (entry.group !== undefined) command.helpGroup(`${entry.group}:`);
  }
  function registered(entry: CommandEntry): Command {
    entry.load()(program, terminal, (code) => {
      exitCode = code;
    });
    const command = program.commands.find((one) => one.name() === entry.name);
    if (command === undefined) throw new Error(`the command ${entry.name} has another name in its file`);
    return command;
  }

  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  return exitCode;
}

/** The command that the words ask for, or ask the help of. */
function commandIn(args: readonly string[]): string | undefined {
  const [first, second] = args.filter((word) => !word.startsWith('-'));
  return first === 'help' ? second : first;
}
