import type { Command, Option } from 'commander';
import { ServerList, StreamList } from '../api/schemas';
import { type AgentAccess, agentAccess } from './agent-options';
import { askAgent } from './ask-agent';
import type { RegisterCommand } from './terminal';

/** What a shell needs no quotes for; other names are not offered. */
const harmless = /^[A-Za-z0-9_.~:/@%+=,-]+$/;
const mostOffered = 1000;

/** `mtxpilot complete -- WORDS`: what the last of the words could become, one a line. For completion scripts; it complains of nothing. */
export const complete: RegisterCommand = (program, terminal) => {
  program
    .command('complete', { hidden: true })
    .argument('[words...]', 'what stands on the command line, the last one not complete')
    .action(async (words: readonly string[]) => {
      const found = await candidates(program, words, terminal.env);
      const offered = found.filter((word) => harmless.test(word)).slice(0, mostOffered);
      terminal.stdout.write(offered.map((word) => `${word}\n`).join(''));
    });
};

async function candidates(program: Command, words: readonly string[], env: NodeJS.ProcessEnv): Promise<string[]> {
  const begun = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const fitting = (names: readonly string[]): string[] => names.filter((name) => name.startsWith(begun));
  const [name, ...rest] = before;
  if (name === undefined) return fitting(begun.startsWith('-') ? ['--help', '--version'] : commandNames(program));
  const main = program.commands.find((one) => one.name() === name);
  if (main === undefined) return name === 'help' ? fitting(commandNames(program)) : [];
  const inner = main.commands.find((one) => one.name() === rest[0]);
  const [command, given] = inner === undefined ? [main, rest] : [inner, rest.slice(1)];

  const { awaiting, positions, values } = readGiven(command, given);
  const names = async (kind: string): Promise<string[]> => {
    const access = accessOrNone(values, env);
    return access === undefined ? [] : namesOf(kind, begun, access);
  };
  if (awaiting !== undefined) {
    if (awaiting.argChoices !== undefined) return fitting(awaiting.argChoices);
    return names(awaiting.name());
  }
  if (begun.startsWith('-')) {
    return fitting(['--help', ...command.options.flatMap(({ long, hidden }) => (hidden || !long ? [] : [long]))]);
  }
  const argument = command.registeredArguments[positions];
  if (argument === undefined) return given.length === 0 ? fitting(command.commands.map((one) => one.name())) : [];
  return argument.argChoices === undefined ? names(argument.name()) : fitting(argument.argChoices);
}

function commandNames(program: Command): string[] {
  return [...program.createHelp().visibleCommands(program)].map((command) => command.name());
}

/** What of the words before the last is a value of an option, and how many are arguments. */
function readGiven(command: Command, given: readonly string[]) {
  let awaiting: Option | undefined;
  let positions = 0;
  const values = new Map<string, string>();
  for (const word of given) {
    if (awaiting !== undefined) {
      values.set(awaiting.attributeName(), word);
      awaiting = undefined;
    } else if (word.startsWith('--')) {
      const option = command.options.find(({ long }) => long === word);
      awaiting = option?.required === true ? option : undefined;
    } else positions++;
  }
  return { awaiting, positions, values: Object.fromEntries(values) };
}

/** How to reach the agent; undefined where what was given is wrong. */
function accessOrNone(values: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv): AgentAccess | undefined {
  try {
    return agentAccess(values, env, (message) => {
      throw new WrongUsage(message);
    });
  } catch (error) {
    if (!(error instanceof WrongUsage)) throw error;
    return undefined;
  }
}

class WrongUsage extends Error {}

/** The names that are known now of what an argument or an option is called after: `stream` or `server`. */
async function namesOf(kind: string, begun: string, agent: AgentAccess): Promise<string[]> {
  if (kind === 'stream') {
    const query = new URLSearchParams({ limit: String(mostOffered), match: begun }).toString();
    const answer = await askAgent(agent, `/v1/streams?${query}`, StreamList);
    return answer.ok ? answer.value.streams.map(({ name }) => name).filter((name) => name.startsWith(begun)) : [];
  }
  if (kind === 'server') {
    const answer = await askAgent(agent, '/v1/servers', ServerList);
    return answer.ok ? answer.value.servers.map(({ name }) => name).filter((name) => name.startsWith(begun)) : [];
  }
  return [];
}
