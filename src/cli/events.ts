import { setTimeout as pause } from 'node:timers/promises';
import { Event, EventList } from '../api/schemas';
import { ownValue } from '../wire';
import { type AgentOptions, addAgentOptions } from './agent-options';
import { askAgent } from './ask-agent';
import { type Colour, type Paint, paintFor } from './colour';
import { parseEventLimit } from './event-limit';
import { eventsDead } from './events-dead';
import { eventsReplay } from './events-replay';
import { eventsWebhooks } from './events-webhooks';
import { followEvents } from './follow-events';
import { formatTable } from './format-table';
import { printable } from './printable';
import { show } from './show';
import { parseSince } from './since';
import { stopSignal } from './stop-signal';
import { type ExitCode, exitCodes, type RegisterCommand, type Terminal } from './terminal';
import { isUnderstood, type Tolerant } from './tolerant';

interface EventsOptions extends AgentOptions {
  readonly follow: boolean;
  readonly limit: number;
  readonly after?: string;
  readonly since?: string;
  readonly type?: string;
  readonly stream?: string;
  readonly server?: string;
}

const retryMs = 1000;
/** An id before those of all events. */
const beforeAll = '0'.repeat(26);

/** `mtxpilot events`: what happened lately, or with `--follow` what happens, until Ctrl-C. */
export const events: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('events')
    .option('--follow', 'print events as they happen, until Ctrl-C', false)
    .option('--limit <number>', 'how many of the newest to print', parseEventLimit, 50)
    .option('--after <id>', 'only events after this one')
    .option('--since <time>', 'events from then on: how long ago (30m), or a time (2026-11-21T10:00:00Z)', parseSince)
    .option('--type <types>', 'only events of these types, such as stream.moved,server.down')
    .option('--stream <stream>', 'only events of this stream')
    .option('--server <server>', 'only events of this server')
    .description('what happened: streams that start, end and move, servers that come and go, what operators did');
  addAgentOptions(command, terminal.env);
  command.enablePositionalOptions();
  for (const register of [eventsReplay, eventsDead, eventsWebhooks]) register(command, terminal, exit);
  command.action(async (options: EventsOptions) => {
    const { json, after, since } = options;
    if (after !== undefined && since !== undefined) command.error('error: give --after or --since, not both');
    if (options.follow) {
      exit(await follow(terminal, options));
      return;
    }
    const answer = await askAgent(options.agent, `/v1/events?${newestOf(options)}`, EventList);
    const text = ({ events: found }: { events: Tolerant<typeof Event>[] }, paint: Paint): string => table(found, paint);
    exit(show(terminal, answer, { json, text, exitCode: () => exitCodes.ok }));
  });
};

/** The query of what was asked for; what is undefined is left out. */
function queryOf({ type, stream, server }: EventsOptions, more: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ type, stream, server, ...more })) {
    if (value !== undefined) query.set(name, value);
  }
  return query.toString();
}

function newestOf(options: EventsOptions): string {
  const { limit, after, since } = options;
  return queryOf(options, { limit: String(limit), after, since });
}

/** Prints the newest events, then each as it comes; after an interruption it goes on where it was. */
async function follow(terminal: Terminal, options: EventsOptions): Promise<ExitCode> {
  const { agent, json } = options;
  const { stdout, stderr } = terminal;
  const stop = terminal.stopSignal?.() ?? stopSignal();
  const paint = paintFor(terminal);
  const print = (event: Tolerant<typeof Event>): void => {
    stdout.write(json ? `${oneLineJson(event)}\n` : eventLine(event, paint));
  };
  const first = await askAgent(agent, `/v1/events?${newestOf(options)}`, EventList);
  if (!first.ok) return show(terminal, first, { json, text: () => '', exitCode: () => exitCodes.ok });
  for (const event of first.value.events) print(event);
  let last = first.value.next ?? beforeAll;
  const path = `/v1/events?${queryOf(options, {})}`;
  let isTold = false;
  const isAborted = (): boolean => stop.aborted;
  while (!isAborted()) {
    const ended = await followEvents(agent, path, last, stop, (text) => {
      isTold = false;
      const event = parseJson(text.data);
      if (!isUnderstood(Event, event)) return;
      print(event);
      last = text.id ?? last;
    });
    if (ended.isRefusal) {
      stderr.write(`mtxpilot: ${printable(ended.reason)}\n`);
      return exitCodes.problem;
    }
    if (isAborted()) break;
    if (!isTold) stderr.write(`mtxpilot: ${printable(ended.reason)}; trying again\n`);
    isTold = true;
    await pause(retryMs, undefined, { signal: stop }).catch(() => undefined);
  }
  return exitCodes.ok;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function oneLineJson(event: Tolerant<typeof Event>): string {
  return printable(JSON.stringify(event));
}

function table(found: readonly Tolerant<typeof Event>[], paint: Paint): string {
  if (found.length === 0) return 'nothing happened\n';
  const rows = found.map((event) => [
    localTime(event.time),
    { text: event.type, colour: colourOfType(event.type) },
    textIn(event, 'stream'),
    textIn(event, 'server'),
    whatOf(event),
  ]);
  return formatTable(['TIME', 'EVENT', 'STREAM', 'SERVER', 'WHAT'], rows, paint);
}

/** As a row of the table, but widths cannot be known before. */
function eventLine(event: Tolerant<typeof Event>, paint: Paint): string {
  const type = printable(event.type).padEnd(16);
  const colour = colourOfType(event.type);
  const parts = [
    localTime(event.time),
    colour === undefined ? type : paint(colour, type),
    printable(textIn(event, 'stream') ?? '-').padEnd(20),
    printable(textIn(event, 'server') ?? '-').padEnd(8),
    printable(whatOf(event)),
  ];
  return `${parts.join('  ').trimEnd()}\n`;
}

/** `drain by alice: kernel update`, `from mtx1: …`: what the event says beyond whom it is about. */
function whatOf(event: Tolerant<typeof Event>): string {
  const [kind, from, operator, version] = ['kind', 'from', 'operator', 'version'].map((field) => textIn(event, field));
  const facts = [
    kind,
    from === undefined ? undefined : `from ${from}`,
    operator === undefined ? undefined : `by ${operator}`,
    version === undefined ? undefined : `version ${version}`,
  ].filter((fact) => fact !== undefined);
  return [facts.join(' '), textIn(event, 'reason') ?? ''].filter((part) => part !== '').join(': ');
}

function textIn({ data }: Tolerant<typeof Event>, field: string): string | undefined {
  const value = ownValue(data, field);
  return typeof value === 'string' ? value : undefined;
}

function colourOfType(type: string): Colour | undefined {
  if (['server.down', 'stream.conflict'].includes(type)) return 'red';
  if (['server.suspect', 'server.intent', 'stream.moved', 'haproxy.reloaded'].includes(type)) return 'yellow';
  return ['stream.started', 'server.up'].includes(type) ? 'green' : undefined;
}

/** `2026-11-21 15:04:05.123` in the time zone of this machine; what is no time stays as it is. */
function localTime(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return printable(text);
  const pad = (number: number, width = 2): string => String(number).padStart(width, '0');
  const day = `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())}`;
  return `${day} ${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}.${pad(time.getMilliseconds(), 3)}`;
}
