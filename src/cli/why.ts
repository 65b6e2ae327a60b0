import { type AgentOptions, addAgentOptions } from './agent-options';
import { explanationShape } from './api-shapes';
import { type Answer, askAgent } from './ask-agent';
import { formatAge } from './format-age';
import { formatTable } from './format-table';
import { printable } from './printable';
import { foundOrNot, show } from './show';
import { exitCodes, type RegisterCommand } from './terminal';

/** `mtxpilot why STREAM`: the rule that decided and what each server says. Exit code 0 when a server has the stream, else 1. */
export const why: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('why')
    .argument('<stream>', 'name of a stream, such as live/studio/a')
    .option('--session <key>', 'for which session, where holders are spread')
    .description('why a viewer of a stream is sent there: the rule, and what each server says');
  addAgentOptions(command, terminal.env);
  command.action(async (stream: string, options: AgentOptions & { readonly session?: string }) => {
    const answer = await askWhy(options.url, stream, options.session);
    exit(show(terminal, answer, { json: options.json, text: explain, exitCode: foundOrNot }));
  });
};

type Explained = ReturnType<typeof explanationShape.parse>;

async function askWhy(url: string, stream: string, session: string | undefined): Promise<Answer<Explained>> {
  // These two would turn the URL into that of another question before it is sent.
  if (stream === '' || stream === '.' || stream === '..') {
    return { ok: false, exitCode: exitCodes.problem, message: `"${stream}" cannot be the name of a stream` };
  }
  const query = session === undefined ? '' : `?${new URLSearchParams({ session }).toString()}`;
  return askAgent(url, `/v1/streams/${encodeURIComponent(stream)}/why${query}`, explanationShape);
}

function explain({ stream, state, server, rule, because, evidence }: Explained): string {
  const sentence = `${printable(stream)} is ${printable(state)}${typeof server === 'string' ? `: ${printable(server)}` : ''}\n`;
  const reason = `${printable(because)}${typeof rule === 'string' ? ` (rule ${printable(rule)})` : ''}\n`;
  if (evidence.length === 0) return `${sentence}${reason}`;
  const rows = evidence.map(({ server: name, says, source, ageMs, stale }) => [
    name,
    says,
    source,
    formatAge(ageMs),
    stale === true ? 'last good answer' : '',
  ]);
  return `${sentence}${reason}\n${formatTable(['SERVER', 'SAYS', 'SOURCE', 'AGE', 'NOTE'], rows)}`;
}
