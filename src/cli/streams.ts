import { InvalidArgumentError } from 'commander';
import { StreamList } from '../api/schemas';
import { type AgentOptions, addAgentOptions } from './agent-options';
import { type Answer, askAgent } from './ask-agent';
import type { Paint } from './colour';
import { formatAge } from './format-age';
import { formatTable } from './format-table';
import { exitCodes, type RegisterCommand } from './terminal';
import type { Tolerant } from './tolerant';
import { addWatchOption, showOrWatch } from './watch';

interface StreamsOptions extends AgentOptions {
  readonly match?: string;
  readonly limit: number;
  readonly watch: boolean;
}

type Streams = Tolerant<typeof StreamList>;

const largestPage = 1000;

/** `mtxpilot streams`: the streams that are live and where. Exit code 1 when one of them has two publishers that conflict. */
export const streams: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('streams')
    .option('--match <text>', 'only streams whose name contains this')
    .option('--limit <number>', 'show at most this many', parseLimit, largestPage)
    .description('the streams that are live, their servers and publishers');
  addWatchOption(command);
  addAgentOptions(command, terminal.env);
  command.action(async (options: StreamsOptions) => {
    exit(
      await showOrWatch(command, terminal, () => collect(options), {
        json: options.json,
        watch: options.watch,
        text: describe,
        exitCode: (found) => (found.streams.some(({ conflict }) => conflict) ? exitCodes.problem : exitCodes.ok),
      }),
    );
  });
};

/** As many pages as are needed for `limit` streams. */
async function collect({ agent, match, limit }: StreamsOptions): Promise<Answer<Streams>> {
  const found: Streams['streams'] = [];
  let cursor: string | undefined;
  for (;;) {
    const query = new URLSearchParams({ limit: String(Math.min(limit - found.length, largestPage)) });
    if (match !== undefined) query.set('match', match);
    if (cursor !== undefined) query.set('cursor', cursor);
    const answer = await askAgent(agent, `/v1/streams?${query.toString()}`, StreamList);
    if (!answer.ok) return answer;
    const { streams: page, total, next } = answer.value;
    found.push(...page);
    // A page that does not move on would be asked for without end.
    if (typeof next !== 'string' || next === cursor || page.length === 0 || found.length >= limit) {
      return { ok: true, value: { streams: found, total } };
    }
    cursor = next;
  }
}

function describe({ streams: found, total }: Streams, paint: Paint): string {
  if (found.length === 0) return 'no stream is live\n';
  const rows = found.flatMap(({ name, kind, conflict, viewers, holders, fillers }) => [
    ...holders.map(({ server, publisherSince, sourceType, pulled, tracks, readers, evidence }, index) => [
      index === 0 ? name : ' ',
      server,
      publisherSince,
      sourceType,
      (tracks ?? []).join(','),
      index === 0 ? viewers : ' ',
      readers,
      formatAge(evidence?.ageMs),
      {
        text: [
          conflict === true && pulled !== true && 'conflict',
          kind === 'relay' ? 'relay' : pulled === true && 'pulled copy',
          evidence?.stale === true && 'last good answer',
        ]
          .filter(Boolean)
          .join(', '),
        colour: conflict === true && pulled !== true ? 'red' : evidence?.stale === true ? 'yellow' : undefined,
      } as const,
    ]),
    ...(fillers ?? []).map((server, index) => [
      holders.length + index === 0 ? name : ' ',
      server,
      undefined,
      undefined,
      undefined,
      holders.length + index === 0 ? viewers : ' ',
      undefined,
      undefined,
      'filler: publisher away',
    ]),
  ]);
  const table = formatTable(
    ['STREAM', 'SERVER', 'PUBLISHER SINCE', 'SOURCE', 'TRACKS', 'VIEWERS', 'READERS', 'AGE', 'NOTE'],
    rows,
    paint,
  );
  return found.length < total ? `${table}${found.length} of ${total} streams, --limit shows more\n` : table;
}

function parseLimit(text: string): number {
  const limit = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw new InvalidArgumentError('Expected a whole number from 1 to 9999999.');
  return limit;
}
