import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { errorText, isRecord, ownValue } from '../wire';
import { SIM_FAULT_KINDS, SIM_SIDES, type SimFault, type SimSide } from './fault';
import { createSimFleet, type SimFleet, type SimFleetOptions } from './fleet';
import type { SimServer } from './server';

/** A fleet that is driven by lines of JSON. */
export interface RunSimOptions extends SimFleetOptions {
  /** Streams that are published from the start, by server name. */
  readonly publish?: Readonly<Record<string, readonly string[]>>;
  /** Whether the fleet goes on when the input ends (it does not, by default: a parent that dies takes it along). */
  readonly keepRunning?: boolean;
  /** Ends the fleet from outside. */
  readonly signal?: AbortSignal;
}

/** The words that a command's `do` may be. */
export const SIM_COMMANDS = [
  'publish',
  'unpublish',
  'move',
  'fault',
  'clearFaults',
  'kill',
  'restart',
  'streams',
  'sessions',
  'counters',
  'requests',
  'resetTraffic',
  'servers',
  'stop',
] as const;

type Command = (typeof SIM_COMMANDS)[number];

/** Longest line that is read; a longer one is answered with an error. */
const MAX_LINE_LENGTH = 65_536;

type Fields = Readonly<Record<string, unknown>>;

const given = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value));

function oneOf<T extends string>(fields: Fields, key: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === ownValue(fields, key));
  if (found === undefined) {
    throw new Error(`${key}: ${given(ownValue(fields, key))} given; allowed are ${allowed.join(', ')}`);
  }
  return found;
}

function text(fields: Fields, key: string): string {
  const value = ownValue(fields, key);
  if (typeof value !== 'string' || value === '') {
    throw new Error(`${key}: ${given(value)} given; allowed is a text that is not empty`);
  }
  return value;
}

function wholeNumber(fields: Fields, key: string, least: number, most: number, otherwise?: number): number {
  const value = ownValue(fields, key) ?? otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new Error(`${key}: ${given(value)} given; allowed are whole numbers from ${least} to ${most}`);
  }
  return value;
}

const MAX_DELAY_MS = 3_600_000;

function readFault(fields: Fields): { side: SimSide; fault: SimFault } {
  const side = oneOf(fields, 'side', SIM_SIDES);
  const kind = oneOf(fields, 'kind', SIM_FAULT_KINDS);
  switch (kind) {
    case 'delay':
      return { side, fault: { kind, delayMs: wholeNumber(fields, 'delayMs', 0, MAX_DELAY_MS) } };
    case 'unauthorized':
      return { side, fault: { kind, delayMs: wholeNumber(fields, 'delayMs', 0, MAX_DELAY_MS, 0) } };
    case 'status':
      return { side, fault: { kind, status: wholeNumber(fields, 'status', 200, 599) } };
    case 'stall':
    case 'garbage':
    case 'truncated':
    case 'cut':
    case 'refused':
      return { side, fault: { kind } };
  }
}

const describe = (server: SimServer) => ({
  name: server.name,
  hlsUrl: server.hlsUrl,
  apiUrl: server.apiUrl,
  version: server.version,
  variant: server.variant,
  running: server.isRunning(),
});

/** Carries one command out. The result's fields go into the answer. */
async function carryOut(fleet: SimFleet, command: Command, fields: Fields): Promise<Fields> {
  const names = fleet.servers.map(({ name }) => name);
  const server = () => fleet.server(oneOf(fields, 'server', names));
  switch (command) {
    case 'publish': {
      const sourceType = fields.sourceType === undefined ? {} : { sourceType: text(fields, 'sourceType') };
      return { id: server().publish(text(fields, 'stream'), sourceType).id };
    }
    case 'unpublish':
      return { was: server().unpublish(text(fields, 'stream')) };
    case 'move':
      fleet.move(text(fields, 'stream'), oneOf(fields, 'server', names));
      return {};
    case 'fault': {
      const { side, fault } = readFault(fields);
      await server().setFault(side, fault);
      return {};
    }
    case 'clearFaults':
      await server().clearFaults();
      return {};
    case 'kill':
      await server().kill();
      return {};
    case 'restart':
      await server().restart();
      return {};
    case 'streams':
      return { streams: server().streams() };
    case 'sessions':
      return {
        sessions: server()
          .sessions()
          .map(({ id, stream, clientIp, query, isCdn }) => ({ id, stream, clientIp, query, isCdn })),
      };
    case 'counters':
      return { counters: server().counters() };
    case 'requests':
      return { requests: server().requests() };
    case 'resetTraffic':
      server().resetTraffic();
      return {};
    case 'servers':
      return { servers: fleet.servers.map(describe) };
    case 'stop':
      return {};
  }
}

function parseLine(line: string): { fields: Fields; command: Command } {
  if (line.length > MAX_LINE_LENGTH) {
    throw new Error(`a line of ${line.length} characters given; allowed are ${MAX_LINE_LENGTH}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = undefined;
  }
  if (!isRecord(value)) {
    const example = '{"server":"mtx1","do":"publish","stream":"live/a"}';
    throw new Error(`${JSON.stringify(line.slice(0, 80))} given; allowed is a JSON object such as ${example}`);
  }
  const fields = value;
  return { fields, command: oneOf(fields, 'do', SIM_COMMANDS) };
}

/**
 * Runs a fleet of stand-ins that is told what to do by lines of JSON, one answer a line, in the order of the commands.
 *
 * The first line out is `{"ok":true,"ready":true,"servers":[…]}`. A command is `{"do":…,"server":…}` with what it needs:
 * `stream` for publish, unpublish and move (optional `sourceType` for publish); `side` and `kind` for fault (with `delayMs` or
 * `status`). An `id` comes back in the answer. An answer is `{"ok":true,…}` or `{"ok":false,"error":"…"}`, and a wrong line changes
 * nothing. Settles when the input ends (unless `keepRunning`), on `stop`, or on the signal, with everything closed.
 * Rejects when the fleet cannot start.
 */
export async function runSim(options: RunSimOptions, stdin: Readable, stdout: Writable): Promise<void> {
  const { publish = {}, keepRunning = false, signal, ...fleetOptions } = options;
  const fleet = await createSimFleet(fleetOptions);
  const say = (answer: Fields) => stdout.write(`${JSON.stringify(answer)}\n`);
  const lines = createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY });
  const aborted = new Promise<void>((resolve) => {
    if (signal?.aborted) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });

  async function answer(line: string): Promise<'go on' | 'stop'> {
    let id: unknown;
    try {
      const { fields, command } = parseLine(line);
      id = fields.id;
      say({ ok: true, ...(id !== undefined && { id }), ...(await carryOut(fleet, command, fields)) });
      return command === 'stop' ? 'stop' : 'go on';
    } catch (error) {
      // Whatever goes wrong with one line is told to the one who wrote it; the fleet goes on.
      say({
        ok: false,
        ...(id !== undefined && { id }),
        error: errorText(error),
      });
      return 'go on';
    }
  }

  async function answerAll(): Promise<void> {
    for await (const line of lines) {
      if (line.trim() !== '' && (await answer(line)) === 'stop') return;
    }
    if (keepRunning) await aborted;
  }

  try {
    for (const [name, streams] of Object.entries(publish)) {
      for (const stream of streams) fleet.server(name).publish(stream);
    }
    say({ ok: true, ready: true, servers: fleet.servers.map(describe) });
    await Promise.race([answerAll(), aborted]);
  } finally {
    lines.close();
    await fleet.stop();
  }
}
