import { type ControlledServerFacts, controlledServer, type NodeServer } from '../../../src/control/controlled-server';
import type { ServerState } from '../../../src/runtime';

const state = (adminBits: number): ServerState => ({
  backendId: 3,
  backendName: 'mtx',
  serverId: 1,
  serverName: 'mtx1',
  address: '10.0.0.1',
  fqdn: undefined,
  srvRecord: undefined,
  port: 8888,
  operational: 'running',
  adminBits,
  weight: 1,
  configuredWeight: 1,
  secondsSinceLastChange: 9,
});
const memory = {
  state: 'drain' as const,
  weight: 1,
  own: undefined,
  ownWeight: undefined,
  intentId: undefined,
  isExternal: false,
  isWeightExternal: false,
  isToBeCleared: false,
  doubtSinceMs: undefined,
};
const node = (name: string, adminBits: number, change: Partial<NodeServer> = {}): NodeServer => ({
  node: name,
  state: state(adminBits),
  memory,
  viewers: 0,
  lastError: undefined,
  isYoung: false,
  ...change,
});
const only = (count: number) => ({
  server: { onlyHere: ['a', 'b', 'c', 'd'].slice(0, count), onlyHereCount: count, bytesSent: 0 },
  ageMs: 100,
});
const facts = (change: Partial<ControlledServerFacts> = {}): ControlledServerFacts => ({
  name: 'mtx1',
  nodes: [node('lb1', 8)],
  unanswered: [],
  desired: undefined,
  intent: undefined,
  directory: { readers: 0, hlsSessions: 0, api: { health: 'ok' } },
  survey: only(0),
  ...change,
});
describe('safe to stop', () => {
  it.each<[string, Partial<ControlledServerFacts>, string]>([
    ['drained, nobody watches, nothing lives only there', {}, ''],
    ['in maintenance', { nodes: [node('lb1', 1)] }, ''],
    ['ready', { nodes: [node('lb1', 0)] }, 'it takes new viewers'],
    ['ready on one of two', { nodes: [node('lb1', 8), node('lb2', 0)] }, 'it takes new viewers on lb2'],
    ['unknown to every HAProxy', { nodes: [] }, 'no HAProxy knows it'],
    [
      'a HAProxy that does not answer',
      { nodes: [node('lb1', 8), node('lb2', 8, { lastError: 'gone' })] },
      'lb2 has not reported how many watch',
    ],
    [
      'a HAProxy that does not answer any more, and took viewers when it did',
      { nodes: [node('lb1', 8), node('lb2', 0, { lastError: 'gone' })] },
      'lb2 has not reported how many watch',
    ],
    ['a HAProxy that was never heard', { unanswered: ['lb2'] }, 'lb2 has not answered yet'],
    ['two that were never heard', { unanswered: ['lb2', 'lb3'] }, 'lb2, lb3 have not answered yet'],
    [
      'a HAProxy that has just started',
      { nodes: [node('lb1', 8), node('lb2', 8, { isYoung: true })] },
      'lb2 has only just started and may not know all its viewers yet',
    ],
    ['one viewer', { nodes: [node('lb1', 8, { viewers: 1 })] }, '1 viewer watches from it'],
    [
      'viewers of two HAProxys',
      { nodes: [node('lb1', 8, { viewers: 2 }), node('lb2', 8, { viewers: 3 })] },
      '5 viewers watch from it',
    ],
    [
      'readers that HAProxy does not know',
      { directory: { readers: 7, hlsSessions: 0, api: { health: 'ok' } } },
      '7 viewers watch from it',
    ],
    ['not counted', { nodes: [node('lb1', 8, { viewers: undefined })] }, 'its viewers are not counted yet'],
    [
      'an API that does not answer',
      { directory: { readers: 0, hlsSessions: 0, api: { health: 'failing' } } },
      'its Control API does not answer, so nobody can tell what it holds',
    ],
    ['a stream', { survey: only(1) }, 'a stream lives only there: a'],
    ['streams', { survey: only(4) }, '4 streams live only there: a, b, c and 1 more'],
    [
      'streams that were counted long ago',
      { survey: { ...only(0), ageMs: 60_000 } },
      'its streams are not counted yet',
    ],
    [
      'a server that was not listed when streams were counted',
      { survey: { server: undefined, ageMs: 100 } },
      'its streams are not counted yet',
    ],
    ['streams that were never counted', { survey: undefined }, 'its streams are not counted yet'],
  ])('%s', (_, change, expected) => {
    const { safeToStop, notSafeBecause } = controlledServer(facts(change));
    expect({ safeToStop, notSafeBecause }).toEqual({ safeToStop: expected === '', notSafeBecause: expected });
  });
});

describe('viewers left', () => {
  it.each<[string, Partial<ControlledServerFacts>, number | undefined]>([
    [
      'HLS sessions are those of HAProxy, seen from the server',
      { nodes: [node('lb1', 8, { viewers: 9 })], directory: { readers: 0, hlsSessions: 7, api: { health: 'ok' } } },
      9,
    ],
    [
      'more HLS sessions than HAProxy has: some came past it',
      { nodes: [node('lb1', 8, { viewers: 9 })], directory: { readers: 0, hlsSessions: 11, api: { health: 'ok' } } },
      11,
    ],
    [
      'readers by other ways come on top',
      { nodes: [node('lb1', 8, { viewers: 9 })], directory: { readers: 2, hlsSessions: 7, api: { health: 'ok' } } },
      11,
    ],
    [
      'what the server counts where one HAProxy was not counted',
      {
        nodes: [node('lb1', 8, { viewers: 9 }), node('lb2', 8, { viewers: undefined })],
        directory: { readers: 1, hlsSessions: 3, api: { health: 'ok' } },
      },
      4,
    ],
    [
      'sessions where the API fails',
      {
        nodes: [node('lb1', 8, { viewers: 9 })],
        directory: { readers: 50, hlsSessions: 0, api: { health: 'suspect' } },
      },
      9,
    ],
    [
      'readers where one HAProxy was never heard',
      {
        nodes: [node('lb1', 8, { viewers: 9 })],
        unanswered: ['lb2'],
        directory: { readers: 4, hlsSessions: 0, api: { health: 'ok' } },
      },
      4,
    ],
    [
      'HAProxy not counted, nobody by other ways: that is not nobody',
      { nodes: [node('lb1', 8, { viewers: undefined })] },
      undefined,
    ],
    ['nobody knows', { nodes: [node('lb1', 8, { viewers: undefined })], directory: undefined }, undefined],
  ])('%s', (_, change, expected) => {
    expect(controlledServer(facts(change)).viewersLeft).toBe(expected);
  });
});

describe('streams only there', () => {
  it.each<[string, ControlledServerFacts['survey'], number | undefined]>([
    ['none', only(0), 0],
    ['some', only(4), 4],
    ['not counted yet: that is not none', undefined, undefined],
    ['not counted on this server yet', { server: undefined, ageMs: 100 }, undefined],
  ])('%s', (_, survey, expected) => {
    expect(controlledServer(facts({ survey })).onlyHereCount).toBe(expected);
  });
});

describe('because', () => {
  const external = { ...memory, isExternal: true };
  it.each<[string, Partial<ControlledServerFacts>, string]>([
    [
      'a hand',
      { nodes: [node('lb1', 8, { memory: external })] },
      'somebody else set it to drain; it is left alone until an intent overrides that',
    ],
    [
      'a hand on one of two',
      { nodes: [node('lb1', 8), node('lb2', 1, { memory: external })] },
      'somebody else set it to maint on lb2; it is left alone until an intent overrides that',
    ],
    [
      'haproxy.cfg',
      { nodes: [node('lb1', 5, { memory: external })] },
      'disabled in haproxy.cfg; it stays so until an intent overrides it',
    ],
  ])('%s', (_, change, expected) => {
    expect(controlledServer(facts(change))).toMatchObject({ wanted: 'external', because: expected });
  });
});
