import type { Move, NodeTables } from '../control/views';
import type { Explanation } from '../router';

/**
 * What would happen next to viewers of a stream, in sentences: to those who play, to the next one who comes, and to him without an agent.
 * `tables` are undefined where no HAProxy is asked.
 */
export function whatNext(
  { stream, state, server, rule }: Explanation,
  tables: readonly NodeTables[] | undefined,
  move: Move | undefined,
): string[] {
  if (rule === 'invalid-name') return ['HAProxy refuses a request for it.'];
  const sentences: string[] = [];
  const answered = (tables ?? []).filter(({ error }) => error === undefined);
  const playing = sumSessions(answered);
  if (playing.size > 0) {
    const where = [...playing].map(([name, count]) => `${count} on ${name}`).join(', ');
    sentences.push(`Those who play stay with the server of their session: ${where}.`);
  }
  if (tables === undefined || answered.length === 0) sentences.push(nextViewer(state, server, 'The next viewer'));
  for (const node of answered) sentences.push(...onNode(node, state, server, answered.length > 1));
  for (const { node, error } of tables ?? []) {
    if (error !== undefined) sentences.push(`What ${node} holds is not known: ${error}.`);
  }
  if (state === 'placed' && server !== undefined) {
    sentences.push(
      `If ${stream} is on demand it starts on ${server}; otherwise ${server} answers 404 until somebody publishes.`,
    );
  }
  if (move !== undefined) {
    sentences.push(
      `The move to ${move.server} holds until it is cleared ("mtxpilot move ${stream} --clear") or ${move.server} loses the stream.`,
    );
  }
  return sentences;
}

function onNode(
  { node, route, lastServer }: NodeTables,
  state: Explanation['state'],
  server: string | undefined,
  named: boolean,
): string[] {
  const who = named ? `The next viewer at ${node}` : 'The next viewer';
  const sentences: string[] = [];
  if (route !== undefined) {
    sentences.push(`${who} is sent to ${route}: routes.map names it, so HAProxy need not ask.`);
    if (state === 'located' && server !== undefined && route !== server) {
      sentences.push(`That is not what is decided now (${server}); the map is put right within a second.`);
    }
  } else sentences.push(nextViewer(state, server, who));
  const without =
    lastServer === undefined
      ? 'HAProxy tries the servers in turn'
      : `HAProxy goes to ${lastServer}, the last that answered, then tries the others`;
  sentences.push(`Without the agent ${without}.`);
  return sentences;
}

function nextViewer(state: Explanation['state'], server: string | undefined, who: string): string {
  if (state === 'unknown' || server === undefined) {
    return `${who} makes HAProxy ask, and gets no server: it goes by its own memory, then tries the servers in turn.`;
  }
  return `${who} makes HAProxy ask, and is sent to ${server}.`;
}

/** Sessions by server, over all nodes that have them; nodes share their tables, so the greatest number counts. */
function sumSessions(tables: readonly NodeTables[]): Map<string, number> {
  const greatest = new Map<string, number>();
  for (const { sessions } of tables) {
    for (const [name, count] of Object.entries(sessions)) {
      if (count > 0) greatest.set(name, Math.max(greatest.get(name) ?? 0, count));
    }
  }
  return greatest;
}
