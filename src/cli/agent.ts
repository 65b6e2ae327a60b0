import { runAgent } from '../agent';
import type { Settings } from '../config';
import { createLogger } from '../log';
import { ownValue } from '../wire';
import { printable } from './printable';
import { addSettingOptions, loadFromOptions } from './setting-options';
import { aborted, stopSignal } from './stop-signal';
import { exitCodes, type RegisterCommand } from './terminal';

const stopLimitMs = 20_000;

/** `mtxpilot agent`: runs until SIGTERM or SIGINT. Exit code 2 for a wrong configuration, 1 when it cannot start. */
export const agent: RegisterCommand = (program, terminal, exit) => {
  const command = program.command('agent').description('the sidecar: tells HAProxy which server has a stream');
  addSettingOptions(command);
  command.action(async (options: Readonly<Record<string, unknown>>) => {
    const loaded = loadFromOptions(options, terminal);
    if (loaded === undefined) {
      exit(exitCodes.usage);
      return;
    }
    const { settings, warnings, file } = loaded;
    const log = createLogger(settings.log.level);
    // From here on, a signal that comes while the agent still starts is not lost.
    const stop = stopSignal();
    // Node's own answers would be to end without draining (HUP, USR2), and to open its debugger to everybody on the machine (USR1).
    for (const name of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
      process.on(name, () =>
        log.warn({ signal: name }, 'this signal does nothing here: to read the configuration again, restart the agent'),
      );
    }
    log.info({ file }, file === undefined ? 'no configuration file, defaults apply' : 'configuration read');
    for (const warning of warnings) log.warn(warning);
    let running: Awaited<ReturnType<typeof runAgent>>;
    try {
      running = await runAgent(settings, log);
    } catch (error) {
      terminal.stderr.write(`mtxpilot: ${printable(whyNotStarted(error, settings))}\n`);
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
  });
};

function whyNotStarted(error: unknown, { http, spoe }: Settings): string {
  const { message, cause } = error as Error;
  const { code, port, message: reason } = (cause ?? {}) as Partial<NodeJS.ErrnoException & { port: number }>;
  const key =
    port === http.listen.port
      ? 'http.listen'
      : port !== undefined && spoe.listen !== null && 'port' in spoe.listen && port === spoe.listen.port
        ? 'spoe.listen'
        : undefined;
  if (key === undefined) return `the agent cannot start: ${message}`;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program is already listening there',
    EADDRNOTAVAIL: 'this machine does not have that address',
    EACCES: 'no permission to listen there',
  };
  return `the agent cannot start: ${key}: ${ownValue(reasons, code ?? '') ?? ''} (${reason})`;
}
