import type { Move, NodeTables } from '../control';
import type { Explanation } from '../router';

/** What is known beside the decision. */
export interface Surroundings {
  /** Undefined where no HAProxy is asked. */
  readonly tables: readonly NodeTables[] | undefined;
  readonly move: Move | undefined;
  /** Who plays the stream now, by server; undefined where nobody counts viewers. */
  readonly playing: ReadonlyMap<string, number> | undefined;
}

/** What would happen next to viewers of a stream, in sentences: to those who play, to the next one who comes, and to him without an agent. */
export function whatNext(
  { stream, kind, state, server, rule }: Explanation,
  { tables, move, playing }: Surroundings,
): string[] {
  if (rule === 'invalid-name') return ['HAProxy refuses a request for it.'];
  const answered = (tables ?? []).filter(({ error }) => error === undefined);
  const sentences = whoPlays(playing, answered);
  if (answered.length === 0) sentences.push(nextViewer(state, server, 'The next viewer'));
  for (const node of answered) sentences.push(...onNode(node, { kind, state, server }, answered.length > 1));
  for (const { node, error } of tables ?? []) {
    if (error !== undefined) sentences.push(`What ${node} holds is not known: ${error}.`);
  }
  const isAsked = answered.length === 0 || answered.some(({ agentsUp }) => agentsUp !== 0);
  if (state === 'placed' && server !== undefined && isAsked) {
    sentences.push(
      `If ${stream} is on demand it starts on ${server}; otherwise ${server} answers 404 until somebody publishes.`,
    );
  }
  if (rule === 'filler') {
    sentences.push(
      `As soon as somebody publishes ${stream} on another server, new viewers go there; who watches the filler stays with it until they start again.`,
    );
  }
  if (move !== undefined) {
    sentences.push(
      `The move to ${move.server} holds until it is cleared ("mtxpilot move ${stream} --clear") or ${move.server} loses the stream.`,
    );
  }
  return sentences;
}

function whoPlays(playing: ReadonlyMap<string, number> | undefined, tables: readonly NodeTables[]): string[] {
  if (playing !== undefined) {
    return playing.size === 0 ? [] : [`Those who play stay with the server of their session: ${listed(playing)}.`];
  }
  const remembered = sumSessions(tables);
  if (remembered.size === 0) return [];
  return [
    `Sessions that HAProxy remembers stay with their server, also those of viewers who have gone: ${listed(remembered)}.`,
  ];
}

function listed(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${count} on ${name}`).join(', ');
}

function onNode(
  { node, route, push, lastServer, agentsUp }: NodeTables,
  { kind, state, server }: Pick<Explanation, 'kind' | 'state' | 'server'>,
  named: boolean,
): string[] {
  const who = named ? `The next viewer at ${node}` : 'The next viewer';
  const without = withoutAgent(kind, lastServer);
  if (agentsUp === 0) {
    return [
      `${who} comes while HAProxy has no agent that is up: none is asked, and routes.map is not read. ${without}.`,
    ];
  }
  const sentences: string[] = [];
  if (route === undefined) sentences.push(nextViewer(state, server, who));
  else {
    sentences.push(`${who} is sent to ${route}: routes.map names it, so HAProxy need not ask.`);
    if (state === 'located' && server !== undefined && route !== server) {
      sentences.push(`That is not what is decided now (${server}); ${whenPutRight(push)}.`);
    }
  }
  sentences.push(`Without the agent ${without}.`);
  return sentences;
}

function withoutAgent(kind: Explanation['kind'], lastServer: string | undefined): string {
  if (kind === 'relay') {
    return lastServer === undefined
      ? 'HAProxy chooses a relay by the account'
      : `HAProxy goes to ${lastServer}, the last relay that answered for the account`;
  }
  return lastServer === undefined
    ? 'HAProxy tries the servers in turn'
    : `HAProxy goes to ${lastServer}, the last that answered, then tries the others`;
}

/** The times are those of the route push. */
function whenPutRight(push: NodeTables['push']): string {
  switch (push) {
    case 'starting':
    case 'behind':
      return 'the change is on its way to the map';
    case 'refused':
      return 'the map cannot be written now, which is tried again at least every 30 seconds';
    case 'right':
      return 'somebody else changed the map, which is compared and put right about once a minute';
    case undefined:
      return 'this agent does not keep the map';
  }
}

function nextViewer(state: Explanation['state'], server: string | undefined, who: string): string {
  if (state === 'unknown' || server === undefined) {
    return `${who} makes HAProxy ask, and gets no server: it goes by its own memory, then tries the servers in turn.`;
  }
  return `${who} makes HAProxy ask, and is sent to ${server}.`;
}

/** Sessions by server, over all nodes: they do not share their tables. */
function sumSessions(tables: readonly NodeTables[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { sessions } of tables) {
    for (const [name, count] of Object.entries(sessions)) {
      if (count > 0) sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }
  return sums;
}
