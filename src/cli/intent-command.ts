import { setTimeout as pause } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { ControlledServer, ServerList } from '../api/schemas';
import { parseDuration } from '../wire';
import { type AgentAccess, type AgentOptions, addChangeOptions } from './agent-options';
import { type Answer, askAgent } from './ask-agent';
import { colourOf, type Paint, paintFor } from './colour';
import { printable, printableJson } from './printable';
import { show } from './show';
import { stopSignal } from './stop-signal';
import { type ExitCode, exitCodes, type Terminal } from './terminal';
import type { Tolerant } from './tolerant';

/** What all commands that tell control what is wanted of a server have. */
export interface IntentOptions extends AgentOptions {
  readonly reason?: string;
  readonly operator: string;
  /** As in `--deadline 30m`. */
  readonly deadline?: string;
  /** Only of those that can be waited for. */
  readonly wait?: boolean;
  readonly timeout?: number;
}

const periodMs = 1000;

/** A command about one server, with the options of a change. */
export function addIntentCommand(program: Command, terminal: Terminal, kind: string, description: string): Command {
  const command = program.command(kind).argument('<server>', "a server's name in haproxy.cfg").description(description);
  addChangeOptions(command, terminal.env);
  return command;
}

/** Adds `--wait` and `--timeout`. */
export function addWaitOptions(command: Command): void {
  command
    .option('--wait', 'wait until the server is safe to stop, and show how many viewers are left', false)
    .option('--timeout <duration>', 'with --wait: exit with 4 if it takes longer, such as 30m', parseTimeout);
}

/** Tells control what is wanted of the server, shows what it says, and waits where that was asked for. */
export async function carryOutIntent(
  terminal: Terminal,
  kind: string,
  server: string,
  options: IntentOptions,
): Promise<ExitCode> {
  const { agent, reason, operator, deadline, json } = options;
  // These two would turn the URL into that of another question before it is sent.
  if (server === '' || server === '.' || server === '..') {
    terminal.stderr.write(`mtxpilot: "${server}" cannot be the name of a server\n`);
    return exitCodes.problem;
  }
  const path = `/v1/servers/${encodeURIComponent(server)}/${kind}`;
  const body = { reason, operator, ...(deadline === undefined ? {} : { deadline }) };
  const answer =
    (await whatIsWantedAlready(kind, server, options)) ??
    (await askAgent(agent, path, ControlledServer, { method: 'POST', body }));
  if (!answer.ok || options.wait !== true) {
    return show(terminal, answer, { json, text: describe, exitCode: () => exitCodes.ok });
  }
  if (!json) terminal.stdout.write(describe(answer.value, paintFor(terminal)));
  return waitUntilSafe(terminal, answer.value, options);
}

/**
 * Whoever says no more than that he waits waits for what is wanted already: an order of his own would take the deadline and the reason away, and
 * end the waiting of others. Undefined where an order is needed.
 */
async function whatIsWantedAlready(
  kind: string,
  server: string,
  { agent, reason, deadline, wait }: IntentOptions,
): Promise<Answer<Tolerant<typeof ControlledServer>> | undefined> {
  if (wait !== true || reason !== undefined || deadline !== undefined) return undefined;
  const found = await findServer(agent, server);
  return found.ok && found.value.intent?.kind === kind ? found : undefined;
}

/** Looks every second; ends when it is safe, when somebody wants something else of the server, or when nobody waits any more. */
async function waitUntilSafe(
  terminal: Terminal,
  asked: Tolerant<typeof ControlledServer>,
  { agent, json, timeout }: IntentOptions,
): Promise<ExitCode> {
  const stop = terminal.stopSignal?.() ?? stopSignal();
  const deadline = timeout === undefined ? undefined : performance.now() + timeout;
  const line = createProgressLine(terminal, json);
  let seen = asked;
  for (;;) {
    if (seen.safeToStop) {
      line.end();
      terminal.stdout.write(json ? `${printableJson(seen)}\n` : `${printable(seen.name)} is safe to stop\n`);
      return exitCodes.ok;
    }
    line.show(progress(seen));
    const restMs = deadline === undefined ? periodMs : Math.min(periodMs, deadline - performance.now());
    if (restMs > 0) await pause(restMs, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted)
      return endWaiting(terminal, line, `no longer waiting: ${asked.name} stays as it is`, exitCodes.interrupted);
    if (deadline !== undefined && performance.now() >= deadline) {
      return endWaiting(
        terminal,
        line,
        `${asked.name} is not safe to stop: ${seen.notSafeBecause ?? ''}`,
        exitCodes.notYet,
      );
    }
    const answer = await findServer(agent, asked.name);
    if (!answer.ok) {
      // An agent that restarts keeps what is wanted; whoever waits for a server waits for the agent too.
      line.show(answer.message);
      continue;
    }
    seen = answer.value;
    if (seen.intent?.since !== asked.intent?.since) {
      const { intent } = seen;
      const who = intent === null || intent === undefined ? 'somebody' : (intent.operator ?? 'somebody');
      const message = `${who} wants ${intent?.kind ?? 'something else'} of ${asked.name} now`;
      return endWaiting(terminal, line, message, exitCodes.problem);
    }
  }
}

function endWaiting(terminal: Terminal, line: ProgressLine, message: string, exitCode: ExitCode): ExitCode {
  line.end();
  terminal.stderr.write(`mtxpilot: ${printable(message)}\n`);
  return exitCode;
}

async function findServer(agent: AgentAccess, name: string): Promise<Answer<Tolerant<typeof ControlledServer>>> {
  const answer = await askAgent(agent, '/v1/servers', ServerList);
  if (!answer.ok) return answer;
  const found = answer.value.servers.find((server) => server.name === name)?.control;
  const isEmpty = answer.value.emptySlots?.some((slot) => slot.name === name) === true;
  if (found !== null && found !== undefined) return { ok: true, value: found };
  const message = isEmpty ? `HAProxy has no address for ${name} now` : `HAProxy has no server ${name} now`;
  return { ok: false, exitCode: exitCodes.problem, message };
}

interface ProgressLine {
  show(text: string): void;
  end(): void;
}

/** One line that is written over on a terminal; elsewhere a line whenever it changes. None for programs. */
function createProgressLine({ stdout }: Terminal, json: boolean): ProgressLine {
  let shown = '';
  const isTerminal = stdout.isTTY === true;
  return {
    show(text) {
      if (json || text === shown) return;
      shown = text;
      const line = printable(text);
      stdout.write(isTerminal ? `\r\u001b[K${line.slice(0, widthOf(stdout) - 1)}` : `${line}\n`);
    },
    end() {
      if (!json && isTerminal && shown !== '') stdout.write('\r\u001b[K');
    },
  };
}

/** Columns; a terminal that does not know has 80. */
function widthOf({ columns = 0 }: Terminal['stdout']): number {
  return columns > 0 ? columns : 80;
}

function progress({ notSafeBecause, viewersLeft, onlyHereCount }: Tolerant<typeof ControlledServer>): string {
  const left = [
    ...(typeof viewersLeft === 'number' && viewersLeft > 0 ? [`${counted(viewersLeft, 'viewer')} left`] : []),
    ...(typeof onlyHereCount === 'number' && onlyHereCount > 0
      ? [`${counted(onlyHereCount, 'stream')} live only there`]
      : []),
  ];
  return `waiting: ${left.length > 0 ? left.join(', ') : (notSafeBecause ?? '')}`;
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** What is wanted now, how each HAProxy has it, and what stands in the way of stopping. */
function describe(server: Tolerant<typeof ControlledServer>, paint: Paint): string {
  const { name, intent, wanted, because, nodes, viewersLeft, onlyHere, onlyHereCount } = server;
  const colour = colourOf(wanted);
  const wish = `${printable(name)}: ${printable(wanted)}`;
  const until = typeof intent?.deadline === 'string' ? `, maint at ${printable(intent.deadline)}` : '';
  const lines = [
    `${colour === undefined ? wish : paint(colour, wish)}${until}${because ? `, because ${printable(because)}` : ''}`,
  ];
  for (const { node, operational, administrative, viewers } of nodes ?? []) {
    const sessions = typeof viewers === 'number' ? `, ${counted(viewers, 'session')}` : '';
    lines.push(
      `  ${printable(node)} has it ${printable(administrative ?? '-')}, ${printable(operational ?? '-')}${sessions}`,
    );
  }
  if (wanted !== 'ready') {
    if (typeof viewersLeft === 'number') lines.push(`  ${counted(viewersLeft, 'viewer')} left`);
    const some = (onlyHere ?? []).slice(0, 10).map(printable);
    const count = onlyHereCount ?? some.length;
    if (count > 0) {
      const more = count > some.length ? `, and ${count - some.length} more` : '';
      lines.push(`  live only there: ${some.join(', ')}${more}`);
    }
    lines.push(
      server.safeToStop
        ? `  ${paint('green', 'safe to stop')}`
        : `  ${paint('yellow', 'not safe to stop')}: ${printable(server.notSafeBecause ?? '')}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function parseTimeout(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs === undefined) throw new InvalidArgumentError('Expected a duration, such as 90s, 30m or 1h.');
  return durationMs;
}
