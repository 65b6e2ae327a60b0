import { type Command, InvalidArgumentError, Option } from 'commander';
import { type RunSimOptions, runSim } from '../sim';
import { errorText, ownValue } from '../wire';
import { printable } from './printable';
import { stopSignal } from './stop-signal';
import { exitCodes, type RegisterCommand } from './terminal';

interface SimOptions {
  readonly servers: number;
  readonly firstAddress: string;
  readonly hlsPort: number;
  readonly apiPort: number;
  readonly profile: 'pre-session' | 'session';
  readonly mediamtx?: string;
  readonly variant: 'fmp4' | 'lowLatency' | 'mpegts';
  readonly cdnSecret?: string;
  readonly alwaysRemux: boolean;
  readonly firstSegmentDelay?: number;
  readonly identify: boolean;
  readonly publish: Readonly<Record<string, readonly string[]>>;
  readonly keepRunning: boolean;
}

/** `mtxpilot sim`: stand-in servers, driven by lines of JSON on standard input. */
export const sim: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('sim')
    .description('stand-in MediaMTX servers, driven by lines of JSON on standard input');
  addSimOptions(command);
  command.action(async (options: SimOptions) => {
    try {
      await runSim(runOptions(options, stopSignal()), terminal.stdin, terminal.stdout);
    } catch (error) {
      terminal.stderr.write(`mtxpilot: ${printable(errorText(error))}\n`);
      exit(error instanceof RangeError ? exitCodes.usage : exitCodes.problem);
    }
  });
};

function addSimOptions(command: Command): void {
  command
    .option('--servers <number>', 'how many: mtx1, mtx2, …', integer(1, 250), 3)
    .option('--first-address <address>', 'IPv4 address of the first; the others follow', '127.0.0.11')
    .option('--hls-port <port>', 'where HLS is served', integer(1, 65_535), 8888)
    .option('--api-port <port>', 'where the Control API is served', integer(1, 65_535), 9997)
    .addOption(
      new Option('--profile <profile>', 'behave like MediaMTX up to v1.17 (pre-session) or since v1.18 (session)')
        .choices(['pre-session', 'session'])
        .default('session'),
    )
    .option('--mediamtx <version>', 'behave like this version, such as v1.19.3')
    .addOption(
      new Option('--variant <variant>', 'kind of HLS').choices(['lowLatency', 'fmp4', 'mpegts']).default('lowLatency'),
    )
    .option('--cdn-secret <secret>', 'as hlsCDNSecret of MediaMTX')
    .option('--always-remux', 'as hlsAlwaysRemux of MediaMTX', false)
    .option(
      '--first-segment-delay <ms>',
      'time from the first request for a stream until it has content',
      integer(0, 600_000),
    )
    .option('--identify', 'add X-Sim-Server to every response', false)
    .option('--publish <server=stream>', 'publish from the start (can be repeated)', collectPublished, {})
    .option('--keep-running', 'go on when standard input ends', false);
}

function runOptions(options: SimOptions, signal: AbortSignal): RunSimOptions {
  const { mediamtx, cdnSecret, firstSegmentDelay, ...same } = options;
  return {
    ...same,
    signal,
    ...(mediamtx !== undefined && { version: mediamtx }),
    ...(cdnSecret !== undefined && { cdnSecret }),
    ...(firstSegmentDelay !== undefined && { firstSegmentDelayMs: firstSegmentDelay }),
  };
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
}

function collectPublished(text: string, before: SimOptions['publish']): SimOptions['publish'] {
  const [, server, stream] = /^([\w.:-]+)=(.+)$/.exec(text) ?? [];
  if (server === undefined || stream === undefined) {
    throw new InvalidArgumentError('Expected SERVER=STREAM, such as mtx1=live/a.');
  }
  return { ...before, [server]: [...(ownValue(before, server) ?? []), stream] };
}
