import { createAddressGuard } from '../../../src/relay/address-guard';
import { createResolver, type ResolverQuestion } from '../../../src/relay/resolver';
import {
  type Behaviour,
  createFaultProvider,
  endAfter,
  type FaultProvider,
  file,
  hangUp,
  headersOnly,
  redirect,
  silent,
  status,
} from '../../support/fault-provider';

const guard = createAddressGuard({ allow: ['127.0.0.1'] });
const next = 'http://user:pass@backup.example/live/2.ts';
const json = (value: unknown, code = 200): Behaviour =>
  status(code, JSON.stringify(value), { 'content-type': 'application/json' });

let service: FaultProvider;
beforeEach(async () => {
  service = await createFaultProvider();
});
afterEach(() => service.close());

function ask(behaviour: Behaviour, more: Partial<ResolverQuestion> = {}, timeoutMs = 3_600_000) {
  service.at('/next', behaviour);
  return createResolver({ guard, timeoutMs }).next({
    resolverUrl: service.url('/next?key=secret').replace('//', '//me:secret@'),
    currentUrl: 'http://user:secret@host/live/1.ts',
    metadata: { channel: 'a', __proto__: 'b' },
    failoverIndex: 1,
    status: 404,
    reason: 'The provider answered 404 Not Found.',
    signal: new AbortController().signal,
    ...more,
  });
}

it('posts what failed, and takes the URL of the answer', async () => {
  const chunks: Buffer[] = [];
  const answer = await ask((exchange) => {
    exchange.request.on('data', (chunk: Buffer) => chunks.push(chunk));
    exchange.request.on('end', () => json({ next_url: next, other: 1 })(exchange));
  });
  expect(answer).toEqual({ url: next });
  expect(service.requests).toMatchObject([
    {
      method: 'POST',
      query: '?key=secret',
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from('me:secret').toString('base64')}`,
      },
    },
  ]);
  expect(JSON.parse(Buffer.concat(chunks).toString())).toEqual({
    current_url: 'http://user:secret@host/live/1.ts',
    metadata: { channel: 'a' },
    current_failover_index: 1,
    status_code: 404,
    reason: 'The provider answered 404 Not Found.',
  });
  await service.waitForOpen(0);
});

it.each<[string, Behaviour, string]>([
  ['no URL', json({ next_url: null }), 'knows no other'],
  ['an empty one', json({ next_url: '' }), 'knows no other'],
  ['no object', json([next]), 'knows no other'],
  ['a URL that is none', json({ next_url: 'file:///secret' }), 'begin with'],
  ['a URL with a line break', json({ next_url: 'http://host/\nsecret' }), 'control'],
  ['no JSON', status(200, 'secret'), 'no JSON'],
  ['too much', status(200, ' '.repeat(65 * 1024)), 'too long'],
  ['half of it', endAfter(5, file(Buffer.alloc(1000))), 'cut short'],
  ['a status', json({ next_url: next }, 500), '500'],
  ['a redirect', redirect('/elsewhere'), '302'],
  ['nothing', hangUp(), 'closed without an answer'],
])('says why there is no URL: %s', async (_name, behaviour, problem) => {
  const answer = await ask(behaviour);
  expect(answer.problem).toContain(problem);
  expect(answer.problem).not.toMatch(/secret|provider/);
  await service.waitForOpen(0);
});

it.each(['http://169.254.169.254/secret', 'http://10.0.0.1/secret', 'http://127.0.0.1:1/secret', 'ftp://secret'])(
  'does not ask %s',
  async (resolverUrl) => {
    const answer = await ask(silent(), { resolverUrl });
    expect(answer.problem).toBeDefined();
    expect(answer.problem).not.toContain('secret');
  },
);

it.each<[string, Behaviour]>([
  ['no answer', silent()],
  ['half an answer', headersOnly()],
])('waits for a limited time, and until it is told otherwise: %s', async (_name, behaviour) => {
  expect((await ask(behaviour, {}, 30)).problem).toContain('30ms');
  const abort = new AbortController();
  const answer = ask(behaviour, { signal: abort.signal });
  await service.waitForRequests('/next', 2);
  abort.abort();
  expect((await answer).problem).toBeDefined();
  await service.waitForOpen(0);
});
