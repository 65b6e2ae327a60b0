import { Explanation } from '../api/schemas';
import { ownValue } from '../wire';
import { type AgentAccess, type AgentOptions, addAgentOptions } from './agent-options';
import { type Answer, askAgent } from './ask-agent';
import { colourOf, type Paint } from './colour';
import { formatAge } from './format-age';
import { printable } from './printable';
import { relayLines } from './relay-lines';
import { foundOrNot } from './show';
import { streamPath } from './stream-path';
import type { RegisterCommand } from './terminal';
import type { Tolerant } from './tolerant';
import { addWatchOption, showOrWatch } from './watch';

/**
 * `mtxpilot why STREAM`: who has it, who said so and when, the rule that decided, what HAProxy holds, what relays make of it, and what would happen next. Exit code 0
 * when a server has the stream, else 1.
 */
export const why: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('why')
    .argument('<stream>', 'name of a stream, such as live/studio/a')
    .option('--session <key>', 'for this session, where viewers are spread over several holders')
    .description(
      'why viewers of a stream go where they go: who has it, who says so, what HAProxy holds, what comes next',
    );
  addWatchOption(command);
  addAgentOptions(command, terminal.env);
  type Options = AgentOptions & { readonly session?: string; readonly watch: boolean };
  command.action(async (stream: string, options: Options) => {
    const { json, watch } = options;
    const ask = () => askWhy(options.agent, stream, options.session);
    exit(await showOrWatch(command, terminal, ask, { json, watch, text: explain, exitCode: foundOrNot }));
  });
};

type Explained = Tolerant<typeof Explanation>;
type Evidence = Explained['evidence'][number];
type Tables = NonNullable<Explained['haproxy']>[number];

/** More servers without the stream than this are told in one sentence. */
const mostWithout = 5;

async function askWhy(agent: AgentAccess, stream: string, session: string | undefined): Promise<Answer<Explained>> {
  const at = streamPath(stream);
  if (!at.ok) return at;
  const query = session === undefined ? '' : `?${new URLSearchParams({ session }).toString()}`;
  return askAgent(agent, `${at.path}/why${query}`, Explanation);
}

function explain(
  { stream, state, server, rule, because, evidence, move, haproxy, relay, next }: Explained,
  paint: Paint,
): string {
  const where = typeof server === 'string' ? `: ${printable(server)}` : '';
  const colour = colourOf(state);
  const verdict = `${printable(stream)} is ${printable(state)}${where}`;
  const ruled = typeof rule === 'string' ? ` (rule ${printable(rule)})` : '';
  const parts = [
    [
      colour === undefined ? verdict : paint(colour, verdict),
      `Why: ${printable(because)}${ruled}.`,
      ...(move === null || move === undefined ? [] : [moved(move)]),
    ],
    section(paint, 'What the servers say', sayings(evidence)),
    section(paint, 'What HAProxy holds', (haproxy ?? []).map(holdings)),
    ...relayLines(relay).map(({ title, lines }) => section(paint, title, lines)),
    section(paint, 'What comes next', (next ?? []).map(printable)),
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function section(paint: Paint, title: string, sentences: readonly string[]): string[] {
  return sentences.length === 0 ? [] : [paint('bold', title), ...sentences.map((sentence) => `  ${sentence}`)];
}

function sayings(evidence: readonly Evidence[]): string[] {
  const having = evidence.filter(({ says }) => says === 'live' || says === 'filler');
  const without = evidence.filter(
    ({ says, stale, path }) =>
      says === 'not live' && stale !== true && (typeof path !== 'string' || path === 'not configured'),
  );
  const others = evidence.filter((one) => !having.includes(one) && !without.includes(one));
  return [
    ...having.map(saying),
    ...others.map(saying),
    ...(without.length > mostWithout ? [together(without)] : without.map(saying)),
  ];
}

function saying({ server, says, source, ageMs, stale, path }: Evidence): string {
  const name = printable(server);
  const age = formatAge(ageMs);
  const ago = age === undefined ? '' : ` ${age} ago`;
  const how: Readonly<Record<string, string>> = {
    inventory: `its list${age === undefined ? '' : ` of${ago}`} ${says === 'not live' ? 'does not name it as live' : 'names it'}`,
    lookup: `it said so when asked${ago}`,
    push: `it reported so${ago}, and said it again when asked`,
  };
  const because =
    source === null || source === undefined ? '' : (ownValue(how, source) ?? `${printable(source)}${ago}`);
  const since = stale === true ? '; its Control API has failed since, so this is its last good answer' : '';
  switch (says) {
    case 'live':
      return `${name} has it: ${because}${since}.`;
    case 'filler':
      return `${name} shows its filler, the publisher is away: ${because}${since}.`;
    case 'not live':
      return `${name} does not have it${Object.hasOwn(couldDo, path ?? '') ? couldDo[path ?? ''] : ''}: ${because}${since}.`;
    default:
      return `${name} has not answered yet.`;
  }
}

/** What a server that has not got the stream could do about it. */
const couldDo: Readonly<Record<string, string>> = {
  startable: ', and can start it on demand',
  configured: ', and waits for its publisher',
  'not configured': ', and has no path for it',
  unknown: ', and its configuration is not known',
};

function together(without: readonly Evidence[]): string {
  const ages = without.flatMap(({ ageMs }) => (typeof ageMs === 'number' ? [ageMs] : []));
  const oldest = ages.length === 0 ? undefined : formatAge(Math.max(...ages));
  return `${without.length} other servers do not have it${oldest === undefined ? '' : `: their lists, at most ${oldest} old, do not name it`}.`;
}

function holdings({ node, route, lastServer, sessions, error }: Tables): string {
  const name = printable(node);
  if (typeof error === 'string') return `${name} cannot be asked: ${printable(error)}.`;
  const counts = Object.entries(sessions ?? {}).map(([server, count]) => `${count} on ${printable(server)}`);
  const said = [
    typeof route === 'string' ? `routes.map names ${printable(route)}` : 'routes.map has no entry for it',
    typeof lastServer === 'string'
      ? `the last that answered was ${printable(lastServer)}`
      : 'no server is remembered for it',
    counts.length === 0 ? 'nobody plays it' : `sessions: ${counts.join(', ')}`,
  ];
  return `${name}: ${said.join('; ')}.`;
}

function moved({ server, operator, reason, since }: NonNullable<Explained['move']>): string {
  const who = typeof operator === 'string' ? ` by ${printable(operator)}` : '';
  const when = typeof since === 'string' ? ` at ${printable(since)}` : '';
  const reasons = typeof reason === 'string' && reason !== '' ? ` (${printable(reason)})` : '';
  return `It was moved to ${printable(server)}${who}${when}${reasons}.`;
}
