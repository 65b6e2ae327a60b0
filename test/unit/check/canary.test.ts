import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CanaryOptions, flyCanary } from '../../../src/check/canary';
import { fakeRuntimeClient } from '../../support/fake-runtime-client';

let server: Server;
/** What the agent says of a canary; HAProxy is the same server. */
let why: (flight: number) => unknown;

beforeEach(async () => {
  let flight = 0;
  server = createServer((request, response) => {
    const isQuestion = /^\/v1\/streams\/mtxpilot-canary-[0-9a-f]{16}\/why$/.test(request.url ?? '');
    response.statusCode = isQuestion ? 200 : 404;
    const answer = isQuestion ? why(flight++) : '';
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

async function fly(change: Partial<CanaryOptions> = {}): Promise<string[]> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const findings = await flyCanary({
    viewersUrl: url,
    agentUrl: url,
    backend: 'mtx',
    client: undefined,
    agentsUp: 1,
    agentWaitMs: 60_000,
    place: undefined,
    timeoutMs: 60_000,
    ...change,
  });
  return findings.map(({ severity, what }) => `${severity}: ${what.replace(url, 'URL')}`);
}

const decided = { state: 'placed', server: 'mtx1', rule: 'canary' };
const unasked = { state: 'unknown', server: null, rule: 'canary' };

it('is right where some of the questions came to this agent', async () => {
  why = (flight) => (flight % 2 === 0 ? decided : unasked);
  expect(await fly({ agentsUp: 2 })).toEqual(['ok: 4 of 8 requests through URL were decided by the agent (mtx1).']);
});

it.each([
  ['another rule', { state: 'placed', server: 'mtx1', rule: 'placed-by-hash' }],
  ['no JSON', 'hello'],
])('does not take what it is told by an agent of another version for a decision: %s', async (_what, answer) => {
  why = () => answer;
  expect(await fly()).toEqual(['warning: The agent at URL does not support canaries.']);
});

const silent =
  '8 requests went through HAProxy (status 404), and the agent was not asked about them, or did not decide.';
it.each([
  [0, `error: ${silent}`],
  [1, `error: ${silent}`],
  [undefined, `error: ${silent}`],
  [2, `warning: ${silent} Another agent may have been asked.`],
])('blames nobody too early where nobody asked this agent and %s are up', async (agentsUp, said) => {
  why = () => unasked;
  expect(await fly({ agentsUp })).toEqual([said]);
});

it.each([
  [60_000, 'error: The agent decided for mtx1, and HAProxy sent the request elsewhere.'],
  // Whoever had to wait so long may have gone on without the answer.
  [0, 'ok: 8 of 8 requests through URL were decided by the agent (mtx1).'],
])(
  'blames nobody for not following a decision that may have come too late: HAProxy waits %s ms',
  async (agentWaitMs, said) => {
    why = () => decided;
    const stat = readFileSync('test/fixtures/runtime/3.2-show-stat.txt', 'utf8').replace(/\n+$/, '\n');
    const { client } = fakeRuntimeClient(() => stat);
    expect(await fly({ client, agentWaitMs })).toEqual([said]);
  },
);

it('flies no more where HAProxy does not answer', async () => {
  why = () => decided;
  expect(await fly({ viewersUrl: 'http://127.0.0.1:99999' })).toEqual([
    expect.stringMatching(/^error: HAProxy does not answer viewers at http:\/\/127\.0\.0\.1:99999: /),
  ]);
});
