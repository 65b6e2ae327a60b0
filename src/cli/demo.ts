import { constants } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { createEnding, DemoError, type Ending, type OnceSummary, runDemo, runOnce } from '../demo';
import { createLiveSegments, createSimFleet } from '../sim';
import { printableLines } from './printable';
import { exitCodes, type RegisterCommand, type Terminal } from './terminal';

interface DemoOptions {
  readonly bind?: string;
  readonly page?: string;
  readonly block: string;
  readonly haproxy?: string;
  readonly profile: 'pre-session' | 'session';
  readonly once: boolean;
  readonly json: boolean;
  readonly sessions: number;
}

/**
 * `mtxpilot demo`: everything in one go, until SIGINT. With `--once`: plays a number of sessions; exit code 0 only when none failed.
 */
export const demo: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('demo')
    .description('servers, publishers, a relay, HAProxy, agent and a page with players, in one go');
  addDemoOptions(command);
  command.action(async (options: DemoOptions) => {
    if (options.json && !options.once) command.error("error: option '--json' needs '--once'");
    const ending = createEnding();
    endOnSignal(ending);
    const parts = {
      block: options.block,
      bind: options.bind,
      haproxyBin: options.haproxy,
      mediamtxBin: terminal.env['MEDIAMTX_BIN'] === '' ? undefined : terminal.env['MEDIAMTX_BIN'],
      profile: options.profile,
      createStandIns: createSimFleet,
      liveSegments: createLiveSegments(),
      ending,
    };
    try {
      if (!options.once) await runDemo({ ...parts, page: options.page, output: terminal.stdout });
      const { sessions } = options;
      const onProgress = (line: string): void => void terminal.stderr.write(printableLines(`${line}\n`));
      const summary = await runOnce({ ...parts, sessions, onProgress });
      terminal.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : inLines(summary));
      exit(summary.failed === 0 && summary.wrongServer === 0 ? exitCodes.ok : exitCodes.problem);
    } catch (reason) {
      exit(tellEnd(reason, options, terminal));
    }
  });
};

/** The demo in the browser ends by a signal, so that is fine; a run that was to be counted is not complete then. */
function tellEnd(reason: unknown, { once }: DemoOptions, { stderr }: Terminal) {
  if (reason instanceof Interruption) return once ? exitCodes.problem : exitCodes.ok;
  if (!(reason instanceof DemoError)) throw reason;
  stderr.write(printableLines(`mtxpilot: ${reason.message}\n`));
  return exitCodes.problem;
}

/** Somebody wants the demo to end. */
class Interruption extends Error {}

/** At the second signal the process ends at once; its children are killed then. */
function endOnSignal(ending: Ending): void {
  let isEnding = false;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (isEnding) process.exit(128 + constants.signals[name]);
      isEnding = true;
      ending.because(new Interruption(name));
    });
  }
}

function addDemoOptions(command: Command): void {
  command
    .option('--bind <host:port>', 'where viewers come in (default: port 8080 of the block)', hostPort)
    .option('--page <host:port>', 'where the page is served (default: port 8088 of the block)', hostPort)
    .option('--block <127.x.y>', 'the loopback addresses to use: .1, and .11 to .13 for the servers', block, '127.0.0')
    .addOption(new Option('--haproxy <bin>', 'the HAProxy executable').env('HAPROXY_BIN'))
    .addOption(
      new Option(
        '--profile <profile>',
        'stand-ins behave like MediaMTX up to v1.17 (pre-session) or since v1.18 (session)',
      )
        .choices(['pre-session', 'session'])
        .default('session'),
    )
    .option('--once', 'play sessions through HAProxy without a browser, then exit', false)
    .option('--json', 'with --once: print one JSON summary', false)
    .option('--sessions <number>', 'with --once: how many', sessionCount, 60)
    .addHelpText(
      'after',
      '\nWith MEDIAMTX_BIN=/path/to/mediamtx in the environment, three of those run instead of stand-ins, fed by ffmpeg.',
    );
}

function hostPort(text: string): string {
  const [, host, port = ''] = /^([0-9A-Za-z.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]|\*?):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new InvalidArgumentError('Expected HOST:PORT, such as 127.0.0.1:8080, or *:8080 for every IPv4 address.');
  }
  return host === '*' || host === '' ? `0.0.0.0:${port}` : text;
}

function block(text: string): string {
  const bytes = text.split('.');
  const isLoopback = bytes[0] === '127' && bytes.length === 3;
  if (!isLoopback || !bytes.every((byte) => /^(?:0|[1-9]\d{0,2})$/.test(byte) && Number(byte) <= 255)) {
    throw new InvalidArgumentError('Expected the first three bytes of loopback addresses, such as 127.1.2.');
  }
  return text;
}

const maxSessions = 10_000;

function sessionCount(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= maxSessions) return value;
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${maxSessions}.`);
}

function inLines(summary: OnceSummary): string {
  return Object.entries(summary)
    .map(([name, value]) => `${name.padEnd(12)} ${String(value)}\n`)
    .join('');
}
