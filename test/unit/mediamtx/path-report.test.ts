import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { noReaders, readPathReport } from '../../../src/mediamtx/path-report';

const folder = join(__dirname, '../../fixtures/recorded');

interface Exchange {
  label: string;
  body?: string;
}

function recorded(file: string, label: string): unknown {
  const lines = readFileSync(join(folder, file), 'utf8').trim().split('\n');
  const exchange = lines.map((line) => JSON.parse(line) as Exchange).find((candidate) => candidate.label === label);
  return JSON.parse(exchange?.body ?? 'null');
}

describe('readPathReport on recorded answers', () => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));

  it('has recordings of four versions', () => {
    expect(new Set(files.map((file) => file.split('-')[0])).size).toBe(4);
  });

  it.each(files)('%s: a live stream', (file) => {
    const report = readPathReport(recorded(file, 'get live'));
    expect(report).toMatchObject({
      name: 'live/a',
      live: true,
      sourceType: 'rtspSession',
      tracks: ['H264', 'MPEG-4 Audio'],
    });
    expect(report?.publisherSinceMs).toBeGreaterThan(Date.parse('2026-01-01'));
    expect(report?.bytesReceived).toBeGreaterThan(0);
  });

  it.each(files)('%s: an on-demand source that has not started is not live', (file) => {
    expect(readPathReport(recorded(file, 'get on-demand, idle'))).toMatchObject({
      live: false,
      publisherSinceMs: 0,
      readers: noReaders,
    });
  });
});

describe('readPathReport', () => {
  const rows: [string, unknown, ReturnType<typeof readPathReport> | object][] = [
    [
      'the oldest shape: ready only',
      { name: 'a', ready: true },
      { live: true, publisherSinceMs: 0, readers: noReaders, tracks: [] },
    ],
    [
      'always available, nobody publishes',
      { name: 'a', ready: true, online: false, source: null },
      { live: false, feed: 'filler' },
    ],
    [
      'always available, its source has never come (v1.17)',
      { name: 'a', ready: true, online: true, onlineTime: '0001-01-01T00:00:00Z', source: { type: 'rtspSource' } },
      { live: false, feed: 'filler' },
    ],
    [
      'always available, the source is lost (v1.20)',
      { name: 'a', ready: true, online: false, source: { type: 'rtspSource', id: '' } },
      { live: false, feed: 'filler' },
    ],
    [
      'a publisher before the epoch',
      { name: 'a', ready: true, onlineTime: '1901-01-01T00:00:00Z' },
      { publisherSinceMs: 0 },
    ],
    ['a time that is none', { name: 'a', ready: true, onlineTime: '2026-13-77' }, { publisherSinceMs: 0 }],
    ['on demand, not started', { name: 'a', ready: false, online: true }, { live: false, feed: undefined }],
    ['unknown fields', { name: 'a', ready: true, shiny: { new: 1 } }, { live: true }],
    [
      'onlineTime beats readyTime',
      { name: 'a', onlineTime: '2026-01-01T00:00:02Z', readyTime: '2026-01-01T00:00:01Z' },
      { publisherSinceMs: Date.parse('2026-01-01T00:00:02Z') },
    ],
    [
      "Go's zero time is no time",
      { name: 'a', onlineTime: '0001-01-01T00:00:00Z', readyTime: '2026-01-01T00:00:01+01:00' },
      { publisherSinceMs: Date.parse('2025-12-31T23:00:01Z') },
    ],
    [
      'wrong types are missing',
      { name: 'a', ready: 'yes', readers: 3, tracks: 'H264', bytesSent: '9', source: [] },
      { live: false, readers: noReaders, tracks: [], bytesSent: 0, sourceType: undefined },
    ],
  ];
  // All types of sources of v1.17.1 and v1.20.1 (APIPathSourceType), the one of UDP before v1.14, and what is not known.
  it.each([
    ['publisher', ['rtspSession', 'rtspsSession', 'rtmpConn', 'rtmpsConn', 'srtConn', 'webRTCSession', 'moqSession']],
    ['publisher', ['rpiCameraSource', 'redirect', '', 'constructor', undefined]],
    ['pulled', ['rtspSource', 'rtmpSource', 'hlsSource', 'srtSource', 'webRTCSource', 'moqSource']],
    ['pulled', ['mpegtsSource', 'rtpSource', 'udpSource']],
  ])('%s: %j', (feed, types) => {
    for (const type of types) {
      const source = type === undefined ? null : { type, id: '' };
      expect(readPathReport({ name: 'a', ready: true, online: true, source })).toMatchObject({ live: true, feed });
    }
  });

  it('counts readers by protocol: HLS viewers apart, and not what the server reads itself', () => {
    const types = ['rtspSession', 'rtspsSession', 'rtspConn', 'rtmpConn', 'rtmpsConn', 'srtConn', 'webRTCSession'];
    const readers = [...types, 'hlsMuxer', 'hlsSession', 'hlsSession', 'moqSession', 'constructor'];
    const expected = { rtsp: 3, rtmp: 2, srt: 1, webrtc: 1, other: 3, hls: 2 };
    const asObjects = [...readers.map((type) => ({ type, id: 'x' })), { id: 'x' }];
    expect(readPathReport({ name: 'a', readers: asObjects })?.readers).toEqual(expected);
    // As lists are read (list-reader.ts).
    expect(readPathReport({ name: 'a', readers: [...readers, 0] })?.readers).toEqual(expected);
    expect(readPathReport({ name: 'a', readers: [{ type: 'hlsMuxer' }] })?.readers).toBe(noReaders);
  });

  it.each(rows)('%s', (_what, item, expected) => {
    expect(readPathReport(item)).toMatchObject(expected as object);
  });

  it.each([[null], ['a'], [[]], [{}], [{ name: 7 }], [{ name: '' }], [{ name: '../etc' }], [{ name: 'a b' }]])(
    'refuses %j',
    (item) => {
      expect(readPathReport(item)).toBeUndefined();
    },
  );
});
