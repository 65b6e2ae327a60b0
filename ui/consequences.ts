import type { IntentKind, RelayStream, Server, Stream } from './api';
import { counted } from './format';

/** What a change will do, in sentences; `warning` is what must not be overlooked. */
export interface Consequences {
  readonly sentences: readonly string[];
  readonly warning: string | undefined;
}

/** Tells beforehand what an intent for a server does to viewers and streams, as far as the page knows. */
export function intentConsequences(kind: IntentKind, server: Server, fleet: readonly Server[]): Consequences {
  const viewers = server.control?.viewersLeft ?? server.viewers ?? undefined;
  const others = fleet.filter((other) => other.name !== server.name && isInService(other)).length;
  const only = onlyHereText(server);
  const onlyCount = server.control?.onlyHereCount ?? 0;
  if (kind === 'ready') {
    return {
      sentences: [
        `${server.name} gets new viewers and new streams again.`,
        'Viewers who play from other servers stay there.',
      ],
      warning: undefined,
    };
  }
  if (kind === 'drain') {
    const sentences = [
      viewers === undefined
        ? 'Viewers who play from it go on until they leave.'
        : viewers === 0
          ? 'Nobody is playing from it now.'
          : `${counted(viewers, 'viewer')} ${viewers === 1 ? 'goes' : 'go'} on until they leave.`,
    ];
    if (onlyCount > 0) {
      sentences.push(
        `${counted(onlyCount, 'stream')} ${onlyCount === 1 ? 'lives' : 'live'} only here (${only}): new viewers of ${onlyCount === 1 ? 'it' : 'them'} still come here, until the publisher goes elsewhere.`,
      );
    }
    sentences.push('New streams start on other servers.', 'It is safe to stop when this page says so.');
    return { sentences, warning: others === 0 ? noOther : undefined };
  }
  const sentences = [
    viewers === undefined
      ? 'Viewers who play from it are cut off, and their players start again.'
      : viewers === 0
        ? 'Nobody is playing from it now.'
        : `${counted(viewers, 'viewer')} ${viewers === 1 ? 'is' : 'are'} cut off at once; their players start again elsewhere, if another server has the stream.`,
  ];
  if (onlyCount > 0) {
    sentences.push(
      `${counted(onlyCount, 'stream')} ${onlyCount === 1 ? 'lives' : 'live'} only here (${only}) and cannot be watched until ${onlyCount === 1 ? 'its publisher goes' : 'their publishers go'} elsewhere.`,
    );
  }
  sentences.push('HAProxy sends it no requests at all.');
  const isHarsh = (viewers ?? 0) > 0 || onlyCount > 0;
  return {
    sentences,
    warning: others === 0 ? noOther : isHarsh ? 'Drain first if viewers should not notice.' : undefined,
  };
}

const noOther = 'No other server is in service: new streams will have nowhere to start.';

/** Tells beforehand what a move of a stream does; `server` undefined: an operator's move is cleared. */
export function moveConsequences(stream: Stream, server: string | undefined): Consequences {
  const { viewers, holders } = stream;
  const stay =
    viewers === null || viewers === 0
      ? 'Nobody is watching it now.'
      : `${counted(viewers, 'viewer')} ${viewers === 1 ? 'stays' : 'stay'} with the server of their session until they leave.`;
  if (server === undefined) {
    return { sentences: ['New viewers go where the rules send them again.', stay], warning: undefined };
  }
  const hasIt = holders.some((holder) => holder.server === server);
  return {
    sentences: [
      `New viewers of ${stream.name} are sent to ${server}.`,
      stay,
      `The move holds until it is cleared or ${server} loses the stream.`,
    ],
    warning: hasIt
      ? undefined
      : `${server} does not have this stream: new viewers get an error until it is published there.`,
  };
}

/** Tells beforehand what a failover by hand does. */
export function failoverConsequences({ clients, relays }: RelayStream): Consequences {
  const whys = relays.flatMap(({ why }) => (why === null ? [] : [why]));
  const hasOther = whys.some(({ sources }) => sources.some(({ state }) => state === 'ok' || state === 'standby'));
  return {
    sentences: [
      clients === 0
        ? 'Nobody is playing it now: nothing changes.'
        : `${counted(clients, 'client')} ${clients === 1 ? 'goes' : 'go'} over to the next source, once; players see one stream.`,
      'The old source plays on until the new one gives pictures, unless both belong to one account.',
      'Whoever comes after a pause begins with the primary source again, unless relay.failback is never.',
    ],
    warning: clients > 0 && !hasOther ? 'Every other source has failed lately: the old one may play on.' : undefined,
  };
}

function onlyHereText(server: Server): string {
  const onlyHere = server.control?.onlyHere ?? [];
  const shown = onlyHere.slice(0, 3);
  const more = (server.control?.onlyHereCount ?? 0) - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

/** Whether new streams can start there. */
export function isInService({ operational, administrative, api }: Server): boolean {
  return operational !== 'DOWN' && administrative === 'ready' && api.health !== 'suspect';
}
