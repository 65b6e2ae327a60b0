import type { Loaded, Settings } from '../config';
import { createLogger, type Logger } from '../log';
import { ownValue } from '../wire';
import { printable } from './printable';
import { aborted, stopSignal } from './stop-signal';
import { type ExitCode, exitCodes, type Terminal } from './terminal';

/** A program that runs until it is told to stop. */
export interface Program {
  /** As its command, and in messages: `the agent cannot start`. */
  readonly name: string;
  /** @throws (rejects) Error when it cannot start; nothing is left running then. */
  readonly start: (settings: Settings, log: Logger) => Promise<{ stop(): Promise<void> }>;
  /** The settings that say where it listens, with their ports. */
  readonly listens: (settings: Settings) => readonly (readonly [key: string, port: number | undefined])[];
}

const stopLimitMs = 20_000;

/** Runs a program until SIGTERM or SIGINT, then stops it. */
export async function runProgram(
  program: Program,
  { settings, warnings, file }: Loaded,
  terminal: Terminal,
  exit: (code: ExitCode) => void,
): Promise<void> {
  const { name, start, listens } = program;
  const log = createLogger(settings.log.level);
  // From here on, a signal that comes while the program still starts is not lost.
  const stop = stopSignal();
  // Node's own answers would be to end without draining (HUP, USR2), and to open its debugger to everybody on the machine (USR1).
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
    process.on(signal, () =>
      log.warn({ signal }, `this signal does nothing here: to read the configuration again, restart the ${name}`),
    );
  }
  log.info({ file }, file === undefined ? 'no configuration file, defaults apply' : 'configuration read');
  for (const warning of warnings) log.warn(warning);
  let running: Awaited<ReturnType<typeof start>>;
  try {
    running = await start(settings, log);
  } catch (error) {
    const reason = whyNotStarted(error, listens(settings));
    terminal.stderr.write(`mtxpilot: ${printable(`the ${name} cannot start: ${reason}`)}\n`);
    exit(exitCodes.problem);
    return;
  }
  await aborted(stop);
  log.info({ signal: stop.reason as unknown }, 'stopping');
  // Whoever holds what, a stop has an end: more than all parts together take by their own limits.
  setTimeout(() => {
    log.error({ afterMs: stopLimitMs }, 'stopping took too long: ending at once');
    process.exit(exitCodes.problem);
  }, stopLimitMs).unref();
  await running.stop();
  log.info('stopped');
}

function whyNotStarted(error: unknown, listens: ReturnType<Program['listens']>): string {
  const { message, cause } = error as Error;
  const { code, port, message: reason } = (cause ?? {}) as Partial<NodeJS.ErrnoException & { port: number }>;
  const [key] = listens.find(([, listened]) => port !== undefined && listened === port) ?? [];
  if (key === undefined) return message;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program is already listening there',
    EADDRNOTAVAIL: 'this machine does not have that address',
    EACCES: 'no permission to listen there',
  };
  return `${key}: ${ownValue(reasons, code ?? '') ?? ''} (${reason})`;
}
