import { type Endpoint, endpoint, refused } from './endpoint';
import * as schemas from './schemas';
import { overview, type WhySource, whyView } from './why';

/** What streams are doing and why, in the words of the agent's API, which passes it on. */
export function whyEndpoints(from: WhySource): readonly Endpoint[] {
  return [
    endpoint({
      method: 'get',
      path: '/overview',
      operationId: 'overview',
      isLong: true,
      summary: 'Streams with their sources, failovers and gaps, those that are played first; and the accounts',
      query: schemas.overviewQuery,
      answer: schemas.RelayOverview,
      handle: ({ query: { match } }) => ({ body: overview(match ?? '', from) }),
    }),
    endpoint({
      method: 'get',
      path: '/streams/{stream_id}/why',
      operationId: 'why',
      isLong: true,
      summary: 'The sources of a stream, how each is doing, the last failovers, and what will be tried next',
      answer: schemas.RelayWhy,
      problems: ['NoSuchStream'],
      handle({ names }) {
        const given = names.get('stream_id') ?? '';
        const stream = from.streams.get(given);
        return stream === undefined
          ? refused('NoSuchStream', 'Stream not found', { given })
          : { body: whyView(stream, from) };
      },
    }),
  ];
}
