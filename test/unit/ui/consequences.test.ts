import type { Server, Stream } from '../../../ui/api';
import { failoverConsequences, intentConsequences, moveConsequences } from '../../../ui/consequences';
import { whyOf } from '../relays/answers';
import { relayStream } from '../relays/fake-relays';

const readersByProtocol = { rtsp: 0, rtmp: 0, srt: 0, webrtc: 0, other: 0 };

function server(name: string, viewersLeft: number | null = 0, onlyHere: string[] = []): Server {
  return {
    name,
    kind: 'mediamtx',
    address: '10.0.0.1',
    port: 8888,
    operational: 'UP',
    administrative: 'ready',
    backup: false,
    api: {
      health: 'ok',
      consecutiveFailures: 0,
      lastError: null,
      inventoryAgeMs: 1,
      inventoryTookMs: 1,
      version: null,
      era: null,
    },
    apiUrl: '',
    streams: 0,
    readers: 0,
    readersByProtocol,
    hlsSessions: 0,
    viewers: viewersLeft,
    viewersPeak: null,
    load: null,
    control: {
      name,
      api: 'ok',
      readers: 0,
      intent: null,
      wanted: 'ready',
      because: '',
      nodes: [],
      viewersLeft,
      onlyHere,
      onlyHereCount: onlyHere.length,
      safeToStop: false,
      notSafeBecause: '',
    },
  };
}
const stream: Stream = {
  name: 'live/a',
  kind: 'mediamtx',
  holders: [
    {
      server: 'a',
      publisherSince: null,
      sourceType: null,
      pulled: false,
      tracks: [],
      readers: 0,
      readersByProtocol,
      bytesReceived: 0,
      bytesSent: 0,
      evidence: { source: 'inventory', ageMs: 1, stale: false },
    },
  ],
  fillers: [],
  conflict: false,
  policy: 'newest',
  viewers: 2,
  viewersPeak: 2,
  move: null,
};

describe('intents', () => {
  it('drain: who stays, and what lives only there', () => {
    const one = server('a', 12, ['x', 'y', 'z', 'w']);
    const { sentences, warning } = intentConsequences('drain', one, [one, server('b')]);
    expect(sentences[0]).toBe('12 viewers go on until they leave.');
    expect(sentences[1]).toMatch(/^4 streams live only here \(x, y, z and 1 more\)/);
    expect(warning).toBeUndefined();
  });

  it.each([
    ['another is in service', {}, undefined],
    ['the others are DOWN', { operational: 'DOWN' as const }, /nowhere to start/],
    ['the others are drained', { administrative: 'drain' as const }, /nowhere to start/],
  ])('drain when %s', (_, other, expected) => {
    const one = server('a');
    const { warning } = intentConsequences('drain', one, [one, { ...server('b'), ...other }]);
    if (expected === undefined) expect(warning).toBeUndefined();
    else expect(warning).toMatch(expected);
  });

  it('maint: who is cut off, with the advice to drain first', () => {
    const one = server('a', 1, ['x']);
    const { sentences, warning } = intentConsequences('maint', one, [one, server('b')]);
    expect(sentences[0]).toMatch(/^1 viewer is cut off at once/);
    expect(sentences[1]).toMatch(/^1 stream lives only here \(x\) and cannot be watched until its publisher goes/);
    expect(warning).toMatch('Drain first');
  });

  it('does not claim what it does not know', () => {
    const one = server('a', null);
    expect(intentConsequences('drain', one, [one]).sentences[0]).toBe(
      'Viewers who play from it go on until they leave.',
    );
  });
});

describe('moves', () => {
  it('to a holder', () => {
    const { sentences, warning } = moveConsequences(stream, 'a');
    expect(sentences[1]).toMatch(/^2 viewers stay/);
    expect(warning).toBeUndefined();
  });

  it('to a server without the stream', () => {
    expect(moveConsequences(stream, 'b').warning).toMatch('b does not have this stream');
  });
});

it('a failover by hand: who goes over, and when there may be nowhere to go', () => {
  const [playing, failed] = whyOf().sources;
  const withOther = (state: 'ok' | 'failed') => ({
    ...relayStream,
    relays: [
      {
        name: 'relay1',
        problem: null,
        why: whyOf({ sources: [playing, failed].flatMap((one) => (one === undefined ? [] : { ...one, state })) }),
      },
    ],
  });
  expect(failoverConsequences({ ...withOther('ok'), clients: 2 })).toEqual({
    sentences: expect.arrayContaining([
      '2 clients go over to the next source, once; players see one stream.',
    ]) as string[],
    warning: undefined,
  });
  expect(failoverConsequences(withOther('failed')).warning).toMatch('the old one may play on');
  expect(failoverConsequences({ ...withOther('failed'), clients: 0 })).toMatchObject({
    sentences: expect.arrayContaining(['Nobody is playing it now: nothing changes.']) as string[],
    warning: undefined,
  });
});
