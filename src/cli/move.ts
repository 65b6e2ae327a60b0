import { MoveList, StreamMove } from '../api/schemas';
import { type AgentOptions, addChangeOptions } from './agent-options';
import { type Answer, askAgent, type Order } from './ask-agent';
import { formatTable } from './format-table';
import { printable } from './printable';
import { show } from './show';
import { streamPath } from './stream-path';
import { exitCodes, type RegisterCommand } from './terminal';
import type { Tolerant } from './tolerant';

interface MoveOptions extends AgentOptions {
  readonly clear: boolean;
  readonly force: boolean;
  readonly viewers: boolean;
  readonly reason?: string;
  readonly operator: string;
}

type Moves = Tolerant<typeof MoveList>;

/** `mtxpilot move STREAM SERVER`, `move STREAM --clear`, or `move` alone for the moves in force. */
export const move: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('move')
    .argument('[stream]', 'name of a stream; without it, the moves in force are listed')
    .argument('[server]', 'the server to send its viewers to')
    .option('--clear', 'let the rules decide again', false)
    .option('--force', 'even to a server that does not have the stream', false)
    .option('--viewers', 'also move those who are watching now: their players start again', false)
    .description('send new viewers of a stream to a server, until the move is cleared or the server loses the stream');
  addChangeOptions(command, terminal.env);
  command.action(async (stream: string | undefined, server: string | undefined, options: MoveOptions) => {
    if (stream === undefined) {
      if (options.clear) command.error("error: option '--clear' needs the name of a stream");
      const answer = await askAgent(options.agent, '/v1/moves', MoveList);
      exit(show(terminal, answer, { json: options.json, text: list, exitCode: () => exitCodes.ok }));
      return;
    }
    if (options.clear === (server !== undefined)) {
      command.error('error: give either a server to move to or --clear');
    }
    const answer = await changeMove(stream, server, options);
    exit(show(terminal, answer, { json: options.json, text: describe, exitCode: () => exitCodes.ok }));
  });
};

async function changeMove(
  stream: string,
  server: string | undefined,
  { agent, reason, operator, force, viewers: moveViewers }: MoveOptions,
): Promise<Answer<Tolerant<typeof StreamMove>>> {
  const at = streamPath(stream);
  if (!at.ok) return at;
  const order: Order =
    server === undefined
      ? { method: 'DELETE', body: { reason, operator } }
      : { method: 'POST', body: { server, reason, operator, force, moveViewers } };
  return askAgent(agent, `${at.path}/move`, StreamMove, order);
}

function describe({ stream, move: now }: Tolerant<typeof StreamMove>): string {
  return now === null || now === undefined
    ? `${printable(stream)} is no longer moved: the rules decide again\n`
    : `new viewers of ${printable(stream)} go to ${printable(now.server)}, until the move is cleared or ${printable(now.server)} loses the stream\n`;
}

function list({ moves }: Moves): string {
  if (moves.length === 0) return 'no stream is moved\n';
  const rows = moves.map(({ stream, server, operator, since, reason }) => [stream, server, operator, since, reason]);
  return formatTable(['STREAM', 'SERVER', 'BY', 'SINCE', 'REASON'], rows);
}
