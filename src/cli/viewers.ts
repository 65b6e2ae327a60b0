import { InvalidArgumentError } from 'commander';
import { ViewerList } from '../api/schemas';
import { ownValue } from '../wire';
import { type AgentOptions, addAgentOptions } from './agent-options';
import { type Answer, askAgent } from './ask-agent';
import type { Paint } from './colour';
import { formatAge } from './format-age';
import { type Cell, formatTable } from './format-table';
import { exitCodes, type RegisterCommand } from './terminal';
import type { Tolerant } from './tolerant';
import { addWatchOption, showOrWatch } from './watch';

interface ViewersOptions extends AgentOptions {
  readonly stream?: string;
  readonly server?: string;
  readonly limit: number;
  readonly watch: boolean;
}

type Viewers = Tolerant<typeof ViewerList>;

const largestPage = 1000;
/** Streams that are counted on the terminal; `--json` has more. */
const mostStreams = 20;

/** `mtxpilot viewers`: how many watch which stream, from which server, and who. */
export const viewers: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('viewers')
    .option('--stream <stream>', 'only viewers of this stream')
    .option('--server <server>', 'only viewers of this server')
    .option('--limit <number>', 'list at most this many of them', parseLimit, 50)
    .description('who is watching: counts and peaks of servers and streams, and the viewers');
  addWatchOption(command);
  addAgentOptions(command, terminal.env);
  command.action(async (options: ViewersOptions) => {
    exit(
      await showOrWatch(command, terminal, () => collect(options), {
        json: options.json,
        watch: options.watch,
        text: describe,
        exitCode: () => exitCodes.ok,
      }),
    );
  });
};

/** As many pages as are needed for `limit` viewers; the counts are those of the first page. */
async function collect({ agent, stream, server, limit }: ViewersOptions): Promise<Answer<Viewers>> {
  let first: Viewers | undefined;
  const found: Viewers['viewers'] = [];
  let cursor: string | undefined;
  for (;;) {
    const query = new URLSearchParams({ limit: String(Math.min(limit - found.length, largestPage)) });
    for (const [name, value] of Object.entries({ stream, server, cursor })) {
      if (value !== undefined) query.set(name, value);
    }
    const answer = await askAgent(agent, `/v1/viewers?${query.toString()}`, ViewerList);
    if (!answer.ok) return answer;
    const { viewers: page, next } = answer.value;
    first ??= answer.value;
    found.push(...page);
    // A page that does not move on would be asked for without end.
    if (typeof next !== 'string' || next === cursor || page.length === 0 || found.length >= limit) {
      return { ok: true, value: { ...first, viewers: found, next } };
    }
    cursor = next;
  }
}

function describe({ total, streams, servers, nodes, readers, viewers: found, next }: Viewers, paint: Paint): string {
  if (nodes.length === 0) return 'no viewers are known: no HAProxy has reported any\n';
  const parts = [
    formatTable(countHead('SERVER'), [...servers.map(countRow), countRow({ ...total, name: 'all' })], paint),
  ];
  const others = Object.entries(readers ?? {}).filter(([, count]) => (count ?? 0) > 0);
  if (others.length > 0) {
    parts.push(
      `readers by other protocols: ${others.map(([way, count]) => `${count} ${ownValue(wayNames, way) ?? way}`).join(', ')}\n`,
    );
  }
  const away = nodes.filter(({ up }) => up === false).map(({ name }) => name);
  if (away.length > 0) parts.push(`${paint('yellow', `out of reach now: ${away.join(', ')}`)}\n`);
  if (streams.length > 0)
    parts.push(formatTable(countHead('STREAM'), streams.slice(0, mostStreams).map(countRow), paint));
  if (found.length > 0) parts.push(formatTable(viewerHead, found.map(viewerRow), paint));
  const more = typeof next === 'string' ? `${found.length} viewers are listed, --limit shows more\n` : '';
  return parts.join('\n') + more;
}

const wayNames: Readonly<Record<string, string>> = { rtsp: 'RTSP', rtmp: 'RTMP', srt: 'SRT', webrtc: 'WebRTC' };

const countHead = (of: string): readonly string[] => [of, 'VIEWERS', 'PEAK', 'PEAK AT'];

function countRow({ name, viewers: now, peak, peakAt }: Viewers['servers'][number]): Cell[] {
  return [name, now, peak, peakAt];
}

const viewerHead = ['STREAM', 'SESSION', 'SERVER', 'NODE', 'WATCHED', 'LAST SEEN', 'BYTES', 'NOTE'];

function viewerRow({
  stream,
  session,
  server,
  node,
  watchedSeconds,
  lastSeen,
  bytes,
  certain,
}: Viewers['viewers'][number]): Cell[] {
  const watchedMs = typeof watchedSeconds === 'number' ? watchedSeconds * 1000 : undefined;
  const note: Cell = certain === false ? { text: 'its HAProxy is out of reach', colour: 'yellow' } : '';
  return [stream, session, server, node, formatAge(watchedMs), lastSeen, bytes, note];
}

function parseLimit(text: string): number {
  const limit = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw new InvalidArgumentError('Expected a whole number from 1 to 9999999.');
  return limit;
}
