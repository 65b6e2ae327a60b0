import { createActiveStreams } from '../../../src/relay/active-streams';
import type { ResolverAnswer, ResolverQuestion } from '../../../src/relay/resolver';
import { createStreamResolvers, type LeftSource } from '../../../src/relay/stream-resolvers';
import { settle } from '../../support/fake-provider';
import { aStream, keptLog } from './fakes';

const stream = { ...aStream, resolverUrl: 'http://editor.example/next?key=geheim' };
const left: LeftSource = {
  url: stream.url,
  index: 0,
  failure: { trigger: 'status', status: 404, reason: 'The provider answered 404.' },
};

function lab() {
  const questions: ResolverQuestion[] = [];
  const answers: ((answer: ResolverAnswer) => void)[] = [];
  const active = createActiveStreams();
  const log = keptLog();
  const state = { nowMs: 0 };
  const resolve = createStreamResolvers({
    resolver: {
      next(question) {
        questions.push(question);
        return new Promise((answer) => answers.push(answer));
      },
    },
    active,
    log,
    nowMs: () => state.nowMs,
  });
  const answer = async (given: ResolverAnswer) => {
    answers.at(-1)?.(given);
    await settle();
  };
  return { resolve, questions, answer, active, log, state };
}

test('asks what users of m3u-proxy know, once for all clients that leave a source together', async () => {
  const { resolve, questions, answer, active } = lab();
  const asked = [resolve(stream, left), resolve(stream, left)];
  expect(questions).toMatchObject([
    {
      resolverUrl: stream.resolverUrl,
      currentUrl: stream.url,
      metadata: { id: '5' },
      failoverIndex: 0,
      status: 404,
      reason: 'status: The provider answered 404.',
    },
  ]);
  expect(resolve(stream, { ...left, url: 'http://third.example/' })).toBeUndefined();
  await answer({ url: 'http://other.example/1.ts' });
  asked.push(resolve(stream, left));
  for (const one of asked) expect(await one).toBe('http://other.example/1.ts');
  expect(asked).toHaveLength(3);
  expect(questions).toHaveLength(1);
  expect(active.of(stream.id).resolved.url).toBe('http://other.example/1.ts');
  void resolve(stream, { ...left, url: 'http://other.example/1.ts', index: 3 });
  expect(questions).toHaveLength(2);
  expect(questions[1]?.failoverIndex).toBe(2);
});

test('nobody is asked for a stream that names no resolver', () => {
  const { resolve, questions } = lab();
  expect(resolve(aStream, left)).toBeUndefined();
  expect(questions).toEqual([]);
});

test.each<[string, ResolverAnswer]>([
  ['a problem', { problem: 'The resolver answered 500.' }],
  ['the source that failed', { url: stream.url }],
  ['another one that has just failed', { url: 'http://dead.example/' }],
])('%s is of no use: it is asked less and less often, and nothing secret is logged', async (_name, given) => {
  const { resolve, questions, answer, active, log, state } = lab();
  const dead = { trigger: 'connect', status: undefined, retryAfterMs: undefined, reason: 'no' } as const;
  const askedAt: number[] = [];
  for (; state.nowMs < 120_000; state.nowMs += 100) {
    active.of(stream.id).health.failed('http://dead.example/', dead, state.nowMs, state.nowMs);
    const asked = resolve(stream, left);
    if (questions.length > askedAt.length) {
      askedAt.push(state.nowMs);
      await answer(given);
    }
    if (asked !== undefined) expect(await asked).toBeUndefined();
  }
  expect(askedAt.length).toBeGreaterThan(5);
  expect(askedAt.length).toBeLessThan(12);
  expect(active.of(stream.id).resolved.url).toBeUndefined();
  expect(log.lines.join()).not.toContain('geheim');
});
