import { Problem } from '../api/schemas';
import type { AgentAccess, AgentPlace } from './agent-options';
import { isNobody, placeName, problemText, reasonOf, send } from './ask-agent';
import { createEventReader, type StreamedText } from './event-reader';
import { isUnderstood } from './tolerant';

/** Why a stream of events ended. */
export interface StreamEnd {
  readonly reason: string;
  /** The agent answered that it will not: there is no use in trying again. */
  readonly isRefusal: boolean;
}

/** The agent sends a sign of life every 15 s. */
const silenceMs = 45_000;
const connectMs = 10_000;
const largestProblemBytes = 64 * 1024;

/**
 * Reads a stream of events until it ends or `stop` aborts. `lastId` is the event after which to go on.
 * @returns why it ended; it never rejects for what the other side does.
 */
export async function followEvents(
  { places }: AgentAccess,
  path: string,
  lastId: string | undefined,
  stop: AbortSignal,
  onEvent: (event: StreamedText) => void,
): Promise<StreamEnd> {
  let end: StreamEnd = { reason: 'no place to look for an agent', isRefusal: false };
  for (const place of places) {
    try {
      return await readStream(place, path, lastId, stop, onEvent);
    } catch (error) {
      end = { reason: `no agent at ${placeName(place)}: ${reasonOf(error)}`, isRefusal: false };
      if (!isNobody(error)) return end;
    }
  }
  return end;
}

async function readStream(
  place: AgentPlace,
  path: string,
  lastId: string | undefined,
  stop: AbortSignal,
  onEvent: (event: StreamedText) => void,
): Promise<StreamEnd> {
  // The head is waited for as long as a connection, what follows as long as the agent may be silent.
  const silence = new AbortController();
  const tooSilent = setTimeout(() => silence.abort(), connectMs);
  try {
    const response = await send(place, path, {
      signal: AbortSignal.any([stop, silence.signal]),
      headers: { accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
    });
    const chunks = response.setEncoding('utf8') as AsyncIterable<string>;
    if (response.statusCode !== 200) return await refusal(place, response.statusCode ?? 0, chunks);
    const read = createEventReader();
    clearTimeout(tooSilent);
    response.socket.setTimeout(silenceMs, () => silence.abort());
    for await (const chunk of chunks) for (const event of read(chunk)) onEvent(event);
    return { reason: `${placeName(place)} ended the stream of events`, isRefusal: false };
  } catch (error) {
    if (silence.signal.aborted) return { reason: `${placeName(place)} has gone silent`, isRefusal: false };
    throw error;
  } finally {
    clearTimeout(tooSilent);
  }
}

async function refusal(place: AgentPlace, status: number, chunks: AsyncIterable<string>): Promise<StreamEnd> {
  let text = '';
  for await (const chunk of chunks) {
    text += chunk;
    if (text.length > largestProblemBytes) break;
  }
  const unclear = { reason: `${placeName(place)} answers ${status}`, isRefusal: status < 500 };
  try {
    const problem: unknown = JSON.parse(text);
    // Of the answers of a server in trouble, only 501 stays.
    return isUnderstood(Problem, problem)
      ? { reason: problemText(status, problem), isRefusal: status < 500 || status === 501 }
      : unclear;
  } catch {
    return unclear;
  }
}
