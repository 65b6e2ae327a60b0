import { createHash, randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import {
  type Behaviour,
  createFaultProvider,
  type FaultProvider,
  file,
  hangUp,
  inTurn,
  raw,
  refuseHead,
  silent,
  status,
} from '../../support/fault-provider';
import { until } from '../../support/until';
import { createVodLab, untilQuiet, type VodLab, type VodLabOptions } from '../../support/vod-lab';

const bytes = randomBytes(700_000);
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

let provider: FaultProvider;
let lab: VodLab;

beforeEach(async () => {
  provider = await createFaultProvider();
});

afterEach(async () => {
  await lab.close();
  await provider.close();
});

/** A relay whose sources answer so; they are at `/0.mp4`, `/1.mp4` and so on. */
async function start(behaviours: readonly Behaviour[], options?: VodLabOptions): Promise<void> {
  lab = await createVodLab(options);
  for (const [index, behaviour] of behaviours.entries()) provider.at(`/${index}.mp4`, behaviour);
  lab.setSources(...behaviours.map((_, index) => provider.url(`/${index}.mp4`)));
}

describe('an answer of the provider', () => {
  test('is passed on: what it is, how long, and by what it is told from others', async () => {
    await start([file(bytes)]);
    const { status: code, headers, body, isWhole } = await lab.get({ 'user-agent': 'player/2' });
    expect(code).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': String(bytes.length),
      'accept-ranges': 'bytes',
      etag: '"1"',
      'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
    });
    expect(isWhole).toBe(true);
    expect(body.equals(bytes)).toBe(true);
    expect(provider.requests[0]?.headers).toMatchObject({ 'user-agent': 'relay-test/1', 'x-of-the-stream': 'yes' });
    await untilQuiet(lab);
    expect(lab.reports).toEqual([
      'started',
      'viewer-1 connected',
      'source 0 opened',
      'viewer-1 disconnected after 700000 bytes of source 0',
      'stopped: last client left',
    ]);
  });

  test('is what the range asks for, and 416 where it asks for nothing of the file', async () => {
    await start([file(bytes)]);
    const some = await lab.get({ range: 'bytes=100-199', 'if-range': '"1"' });
    expect(some).toMatchObject({ status: 206, headers: { 'content-range': 'bytes 100-199/700000' } });
    expect(some.body.equals(bytes.subarray(100, 200))).toBe(true);
    const none = await lab.get({ range: 'bytes=700000-' });
    expect(none).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */700000' } });
    expect(await lab.get({ range: 'bytes=100-199', 'if-range': '"2"' })).toMatchObject({ status: 200 });
  });

  test('of several ranges is passed on as it is', async () => {
    await start([file(bytes, { severalRanges: 'multipart' })]);
    const several = await lab.get({ range: 'bytes=0-9,50-59' });
    expect(several).toMatchObject({ status: 206, isWhole: true });
    expect(several.headers['content-type']).toMatch(/^multipart\/byteranges; boundary=/);
    expect(several.headers['content-range']).toBeUndefined();
    expect(several.body.includes(bytes.subarray(50, 60))).toBe(true);
  });

  test('without a length is passed on without one', async () => {
    await start([
      ({ head, response }) => {
        head(200, { 'content-type': 'video/mp2t' });
        response.end(bytes);
      },
    ]);
    const { headers, body, isWhole } = await lab.get();
    expect(headers['content-length']).toBeUndefined();
    expect(isWhole).toBe(true);
    expect(body.equals(bytes)).toBe(true);
  });

  test('comes to the URL with the client’s query, where that is about catch-up', async () => {
    await start([file(bytes)]);
    await lab.get({}, '?utc=100&lutc=200&client_id=me');
    expect(provider.requests[0]?.query).toBe('?utc=100&lutc=200');
  });
});

describe('HEAD', () => {
  test('is passed on as HEAD, and makes no client', async () => {
    await start([file(bytes)]);
    expect(await lab.head()).toMatchObject({
      status: 200,
      headers: { 'content-length': '700000', 'accept-ranges': 'bytes', etag: '"1"' },
      body: Buffer.alloc(0),
    });
    expect(provider.requests.map(({ method }) => method)).toEqual(['HEAD']);
    await provider.waitForOpen(0);
    expect(lab.reports).toEqual(['source 0 opened']);
  });

  test.each([405, 501])('is a GET that is closed after its head where the provider answers %i', async (code) => {
    await start([refuseHead(code, file(Buffer.alloc(64_000_000)))]);
    expect(await lab.head({ range: 'bytes=0-99' })).toMatchObject({
      status: 206,
      headers: { 'content-length': '100', 'content-range': 'bytes 0-99/64000000' },
    });
    expect(await lab.head()).toMatchObject({ status: 200, headers: { 'content-length': '64000000' } });
    await provider.waitForOpen(0);
    expect(lab.slotsInUse).toBe(0);
  });

  test('goes to the next source, and is answered with a problem without body when none is left', async () => {
    await start([status(404), file(bytes)]);
    expect(await lab.head()).toMatchObject({ status: 200 });
    provider.set('/1.mp4', status(404));
    expect(await lab.head()).toMatchObject({ status: 404, headers: { 'content-type': 'application/problem+json' } });
    provider.set('/0.mp4', file(bytes));
    expect(await lab.head({ range: 'bytes=800000-' })).toMatchObject({ status: 416 });
  });
});

describe('before the first byte', () => {
  const wrong: readonly (readonly [string, Behaviour])[] = [
    ['is missing', status(404)],
    ['fails', status(500)],
    ['hangs up', hangUp()],
    ['resets', hangUp('reset')],
    ['is empty', status(200, '')],
    ['has nothing to say', status(204)],
    ['ends after its head', file(bytes, { cut: { at: 0, kind: 'end' } })],
    ['resets after its head', file(bytes, { cut: { at: 0, kind: 'reset' } })],
    ['answers with a range that nobody asked for', ({ head }) => head(206, { 'content-range': 'bytes 0-9/10' })],
  ];

  test.each(wrong)('the next source is taken when one %s', async (_, behaviour) => {
    await start([behaviour, behaviour, file(bytes)]);
    const { status: code, body, isWhole } = await lab.get();
    expect(code).toBe(200);
    expect(isWhole).toBe(true);
    expect(body.equals(bytes)).toBe(true);
    expect(lab.reports.filter((line) => line.startsWith('over '))).toHaveLength(1);
    expect(lab.reports.find((line) => line.startsWith('over '))).toMatch(/^over from 0 to 2 /);
    await untilQuiet(lab);
    await provider.waitForOpen(0);
  });

  test('the next source is taken when one falls silent after its head', async () => {
    await start([file(bytes, { cut: { at: 0, kind: 'stall' } }), file(bytes)], { settings: { stallTimeoutMs: 100 } });
    expect((await lab.get()).body.equals(bytes)).toBe(true);
    expect(lab.reports).toContain('over from 0 to 1 because of stall');
  });

  test.each<readonly [string, number, readonly Behaviour[], string | undefined]>([
    ['all are missing', 404, [status(404), status(410)], undefined],
    ['one is missing, one cannot be reached', 502, [status(404), hangUp()], undefined],
    ['all fail', 502, [status(500), status(403)], undefined],
    ['all are empty', 502, [status(200, '')], undefined],
    ['one is full', 503, [status(404), status(429, '', { 'retry-after': '7' })], '7'],
    ['one is full and says nothing of when', 503, [status(429)], '5'],
    ['one is out of order for a while', 503, [status(503, '', { 'retry-after': '30' }), status(429)], '5'],
    ['one is behind a gateway that hears nothing', 504, [status(504), status(404)], undefined],
  ])('the answer is a problem when %s', async (_, code, behaviours, retryAfter) => {
    await start(behaviours);
    const { status: answered, headers, body } = await lab.get();
    expect(answered).toBe(code);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(headers['retry-after']).toBe(retryAfter);
    expect(JSON.parse(body.toString())).toMatchObject({ status: code, detail: expect.stringMatching(/^Source 1: /) });
    expect(body.toString()).not.toContain('/0.mp4');
    await untilQuiet(lab);
    expect(lab.reports.filter((line) => line.includes('failed'))).toHaveLength(1);
    expect(lab.reports.at(-1)).toBe('stopped: last client left');
  });

  test('a silent source is left at once when the client leaves', async () => {
    await start([silent()]);
    const asked = request(lab.url, { agent: false });
    asked.on('error', () => undefined);
    asked.end();
    await provider.waitForRequests('/0.mp4', 1);
    asked.destroy();
    await provider.waitForOpen(0);
    await untilQuiet(lab);
    expect(lab.reports).toEqual([
      'started',
      'viewer-1 connected',
      'viewer-1 disconnected after 0 bytes of source -1',
      'stopped: last client left',
    ]);
  });

  test('more clients than may be there are told so', async () => {
    await start([file(bytes)], { maxClients: 0 });
    expect(await lab.get()).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(lab.reports).toEqual([]);
    expect(provider.requests).toHaveLength(0);
  });
});

describe('a body that breaks', () => {
  test('is continued at the very byte, wherever that is', async () => {
    const small = bytes.subarray(0, 200_000);
    const expected = sha256(small);
    await start([file(small), file(small)]);
    for (let round = 0; round < 200; round++) {
      const at = randomInt(1, small.length);
      const kind = round % 2 === 0 ? 'reset' : 'end';
      // Half of them break at the same byte again, and are continued by the backup.
      const times = round % 4 < 2 ? { times: 1 } : {};
      provider.set('/0.mp4', file(small, { cut: { at, kind, ...times } }));
      const { body, isWhole } = await lab.get();
      expect({ at, kind, times, isWhole, sum: sha256(body) }).toEqual({
        at,
        kind,
        times,
        isWhole: true,
        sum: expected,
      });
    }
    const moved = lab.reports.filter((line) => line.startsWith('over ')).length;
    expect(moved).toBe(100);
  });

  test('is continued within the range that was asked for', async () => {
    await start([file(bytes), file(bytes)]);
    for (let round = 0; round < 40; round++) {
      const from = randomInt(0, bytes.length - 2);
      const to = randomInt(from + 2, bytes.length + 1);
      provider.set('/0.mp4', file(bytes, { cut: { at: randomInt(from + 1, to), kind: 'reset' } }));
      const range = [`bytes=${from}-${to - 1}`, `bytes=-${bytes.length - from}`, `bytes=${from}-`][round % 3] ?? '';
      const end = round % 3 === 0 ? to : bytes.length;
      const { status: code, body, isWhole } = await lab.get({ range });
      expect({ range, code, isWhole, isEqual: body.equals(bytes.subarray(from, end)) }).toEqual({
        range,
        code: 206,
        isWhole: true,
        isEqual: true,
      });
    }
  });

  test('is asked for again at the same source first, by its validator, then at the others without', async () => {
    await start([
      file(bytes, { cut: { at: 400_000, kind: 'reset' } }),
      status(404),
      file(bytes, { cut: { at: 600_000, kind: 'reset', times: 1 } }),
    ]);
    expect((await lab.get()).body.equals(bytes)).toBe(true);
    const asked = provider.requests.map(({ path, headers }) => [path, headers.range, headers['if-range']]);
    expect(asked).toEqual([
      ['/0.mp4', undefined, undefined],
      ['/0.mp4', 'bytes=400000-', '"1"'],
      ['/1.mp4', 'bytes=400000-', undefined],
      ['/2.mp4', 'bytes=400000-', undefined],
      ['/2.mp4', 'bytes=600000-', '"1"'],
    ]);
    await untilQuiet(lab);
    expect(lab.reports.filter((line) => line.startsWith('over '))).toEqual(['over from 0 to 2 because of reset']);
    expect(lab.reports).toContain('viewer-1 disconnected after 700000 bytes of source 2');
  });

  test('is continued after silence too', async () => {
    await start([file(bytes, { cut: { at: 400_000, kind: 'stall' } }), file(bytes)], {
      settings: { stallTimeoutMs: 100 },
    });
    expect((await lab.get()).body.equals(bytes)).toBe(true);
  });

  const rested = { lastModified: 'Thu, 01 Jan 2026 00:00:00 GMT' };
  const broken = { at: 400_000, kind: 'reset', times: 1 } as const;
  test.each<readonly [string, Behaviour]>([
    ['another source that has the same tag', inTurn(file(bytes, { cut: broken }), status(404))],
    ['another source that has the same date and no tag', inTurn(file(bytes, { cut: broken, etag: null }), status(404))],
    ['a file with a weak tag and a date', file(bytes, { cut: broken, etag: 'W/"1"', ...rested })],
  ])('is continued by %s', async (_, behaviour) => {
    await start([behaviour, file(bytes)]);
    expect((await lab.get()).body.equals(bytes)).toBe(true);
  });

  const other = Buffer.from(bytes.map((byte) => byte ^ 1));
  test.each<readonly [string, Behaviour, readonly Behaviour[]]>([
    ['has another tag', file(bytes, { cut: broken }), [file(other, { etag: '"2"' })]],
    ['has another length', file(bytes, { cut: broken }), [file(Buffer.concat([other, other]))]],
    [
      'has no tag and another date',
      file(bytes, { cut: broken, etag: null }),
      [file(other, { etag: null, lastModified: 'Fri, 02 Jan 2026 00:00:00 GMT' })],
    ],
    [
      'had nothing to tell it by',
      file(bytes, { cut: broken, etag: null, lastModified: null }),
      [file(bytes, { etag: null, lastModified: null })],
    ],
    [
      'had a weak tag only',
      file(bytes, { cut: broken, etag: 'W/"1"', lastModified: null }),
      [file(bytes, { etag: 'W/"1"', lastModified: null })],
    ],
    [
      'was changed just now, and has no tag',
      file(bytes, { cut: broken, etag: null, lastModified: new Date().toUTCString() }),
      [file(bytes, { etag: null, lastModified: new Date().toUTCString() })],
    ],
    ['does not understand ranges', file(bytes, { cut: broken }), [file(bytes, { ignoresRange: true })]],
    ['says that the byte is not in it', file(bytes, { cut: broken }), [status(416)]],
    [
      'answers with another range',
      file(bytes, { cut: broken }),
      [
        ({ head }) =>
          head(206, { etag: '"1"', 'content-length': '300001', 'content-range': 'bytes 399999-699999/700000' }),
      ],
    ],
    [
      'does not say how much it sends',
      file(bytes, { cut: broken }),
      [({ head }) => head(206, { etag: '"1"', 'content-range': 'bytes 400000-699999/700000' })],
    ],
    ['is gone', file(bytes, { cut: broken }), [status(404)]],
  ])('is never continued by what %s: the connection is destroyed', async (_, first, then) => {
    await start([inTurn(first, ...then), ...then]);
    const { status: code, body, isWhole } = await lab.get();
    expect(code).toBe(200);
    expect(isWhole).toBe(false);
    expect(body.equals(bytes.subarray(0, body.length))).toBe(true);
    expect(body.length).toBeLessThanOrEqual(400_000);
    await untilQuiet(lab);
    await provider.waitForOpen(0);
    expect(provider.requests).toHaveLength(3);
    expect(lab.reports).toContain('viewer-1 failed because of reset');
  });

  test('of several ranges is not continued', async () => {
    await start([
      ({ head, response, reset }) => {
        head(206, { 'content-type': 'multipart/byteranges; boundary=x', 'content-length': '1000' });
        response.write('--x\r\n', () => reset());
      },
      file(bytes),
    ]);
    expect(await lab.get({ range: 'bytes=0-9,50-59' })).toMatchObject({ status: 206, isWhole: false });
    expect(provider.requests).toHaveLength(1);
  });

  test('without a length is not taken for whole, by a client of HTTP/1.0 either', async () => {
    await start([
      ({ request: { socket } }) => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbytes\r\n', () => socket.end());
      },
      file(bytes),
    ]);
    expect(await lab.get()).toMatchObject({ status: 200, isWhole: false });
    const socket = connect(Number(new URL(lab.url).port), '127.0.0.1');
    const ended = new Promise<string>((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      socket.on('end', () => resolve('in order'));
    });
    socket.resume();
    socket.write('GET /stream/file HTTP/1.0\r\n\r\n');
    expect(await ended).toBe('ECONNRESET');
    socket.destroy();
  });

  test('that has more bytes than its head said is broken off', async () => {
    const body = `14\r\n${'x'.repeat(20)}\r\n0\r\n\r\n`;
    const head = 'HTTP/1.1 206 OK\r\ncontent-range: bytes 0-9/100\r\ntransfer-encoding: chunked\r\n\r\n';
    await start([raw(head + body)]);
    // Whether the head was on its way by then is chance.
    const isWhole = lab.get({ range: 'bytes=0-9' }).then(
      (answer) => answer.isWhole,
      () => false,
    );
    expect(await isWhole).toBe(false);
  });

  test('in which nothing goes forward is not asked for again and again', async () => {
    await start(Array.from({ length: 3 }, () => file(bytes, { cut: { at: 400_000, kind: 'reset' } })));
    expect(await lab.get()).toMatchObject({ isWhole: false });
    expect(provider.requests.map(({ path }) => path)).toEqual(['/0.mp4', '/0.mp4', '/1.mp4', '/2.mp4']);
  });
});

describe('a client', () => {
  test('that does not read holds its provider up, and gets all of it later', async () => {
    const large = Buffer.alloc(64_000_000, 'file');
    await start([file(large)], { settings: { stallTimeoutMs: 100 } });
    const reading = await lab.begin();
    // What the kernel takes on both sides is its matter: it is full when nothing more comes.
    let before = -1;
    await until(
      'the provider to be held up',
      () => {
        const { bytesRead = 0 } = lab.opened[0]?.body.socket ?? {};
        const isStill = bytesRead === before && bytesRead > 0;
        before = bytesRead;
        return isStill;
      },
      300,
    );
    const [socket] = lab.sockets;
    const { bytesRead = 0 } = lab.opened[0]?.body.socket ?? {};
    const passedOn = (socket?.bytesWritten ?? 0) - (socket?.writableLength ?? 0);
    expect(bytesRead).toBeLessThan(32_000_000);
    expect(bytesRead - passedOn).toBeLessThan(256 * 1024);
    // Held up for longer than a source may be silent, it is the same connection still.
    reading.read();
    const { body, isWhole } = await reading.ended;
    expect(isWhole).toBe(true);
    expect(body.equals(large)).toBe(true);
    expect(provider.requests).toHaveLength(1);
  });

  test('that leaves ends the connection to its provider, and no other', async () => {
    await start([file(Buffer.alloc(64_000_000))]);
    const one = await lab.begin();
    const other = await lab.begin();
    expect(provider.connections.open).toBe(2);
    one.leave();
    await provider.waitForOpen(1);
    await until('one slot to be free', () => lab.slotsInUse === 1);
    expect(lab.clients.count).toBe(1);
    lab.clients.all()[0]?.disconnect();
    other.read();
    expect(await other.ended).toMatchObject({ isWhole: false });
    await provider.waitForOpen(0);
    await untilQuiet(lab);
    expect(lab.reports.filter((line) => line.startsWith('started') || line.startsWith('stopped'))).toHaveLength(2);
  });

  test('is not moved by hand', async () => {
    await start([file(Buffer.alloc(64_000_000))]);
    const reading = await lab.begin();
    const [client] = lab.clients.all();
    expect(client).toMatchObject({ id: 'viewer-1', source: 0, failovers: 0 });
    expect(client?.failover()).toBeUndefined();
    reading.leave();
    await untilQuiet(lab);
  });

  test('leaves nothing behind, whenever it goes', async () => {
    const sources = [
      file(bytes, { bytesPerTick: 100_000, cut: { at: 350_000, kind: 'reset', times: 100 } }),
      file(bytes, { bytesPerTick: 100_000 }),
    ];
    await start(sources);
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    let done = 0;
    const leaveSometime = async (): Promise<void> => {
      const most = randomInt(0, bytes.length * 1.2);
      const method = randomInt(10) === 0 ? 'HEAD' : 'GET';
      await new Promise<void>((resolve) => {
        const asked = request(lab.url, { agent: false, method });
        let seen = 0;
        const leave = (): void => void asked.destroy();
        if (most < 100_000) setImmediate(leave);
        asked.on('error', () => undefined);
        asked.on('response', (response) => {
          response.on('error', () => undefined);
          response.on('data', (chunk: Buffer) => {
            seen += chunk.length;
            if (seen >= most) leave();
          });
        });
        asked.on('close', resolve);
        asked.end();
      });
      done++;
    };
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        for (let round = 0; round < 30; round++) await leaveSometime();
      }),
    );
    expect(done).toBe(300);
    await untilQuiet(lab);
    await provider.waitForOpen(0);
    await until('all timers to be gone', () => timers() <= before);
    const count = (word: string): number => lab.reports.filter((line) => line.includes(word)).length;
    expect(count(' connected')).toBe(count(' disconnected'));
    expect(count('started')).toBe(count('stopped'));
  });
});

describe('an account that is full', () => {
  const large = Buffer.alloc(64_000_000);

  test('makes the next source be tried, and is told of when all are full', async () => {
    await start([file(large), file(large)], { slots: 1 });
    const reading = await lab.begin();
    expect(await lab.get()).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(provider.requests).toHaveLength(1);
    expect(lab.reports).toContain('viewer-2 failed because of account');
    reading.leave();
    await untilQuiet(lab);
    expect(await lab.get({ range: 'bytes=0-9' })).toMatchObject({ status: 206, isWhole: true });
  });

  test('is waited for where that is wished', async () => {
    await start([file(bytes)], { slots: 1, settings: { whenFull: 'wait', waitForSlotMs: 1_000_000 } });
    const answers = await Promise.all(Array.from({ length: 5 }, () => lab.get()));
    expect(answers.every(({ body }) => body.equals(bytes))).toBe(true);
    expect(lab.slotsInUse).toBe(0);
  });

  test('is waited for only as long as the client is there', async () => {
    await start([file(large)], { slots: 1, settings: { whenFull: 'wait', waitForSlotMs: 1_000_000 } });
    const reading = await lab.begin();
    const asked = request(lab.url, { agent: false });
    asked.on('error', () => undefined);
    asked.end();
    await until('the second client', () => lab.clients.count === 2);
    asked.destroy();
    await until('the second client to be gone', () => lab.clients.count === 1);
    reading.leave();
    await untilQuiet(lab);
    expect(provider.requests).toHaveLength(1);
  });

  test('sends the client away where that is wished', async () => {
    await start([file(large), file(bytes)], { slots: 1, settings: { whenFull: 'refuse' } });
    const reading = await lab.begin();
    expect(await lab.get()).toMatchObject({ status: 503 });
    const failed = lab.reports.filter((line) => line.includes('failed'));
    expect(failed).toEqual(['viewer-2 failed because of account']);
    reading.leave();
    await untilQuiet(lab);
  });

  test('is handed over by a player that reads something else', async () => {
    await start([file(large)], { slots: 1 });
    const reading = await lab.begin();
    reading.read();
    lab.takeOver();
    expect(lab.slotsInUse).toBe(0);
    expect(await reading.ended).toMatchObject({ isWhole: false });
    await provider.waitForOpen(0);
    expect(provider.requests).toHaveLength(1);
  });
});

describe('beside a server of files', () => {
  const length = 1_000;
  const content = bytes.subarray(0, length);
  const changed = new Date('2026-10-01T10:00:00Z');
  let folder: string;
  let close: () => Promise<void>;
  let reference: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mtxpilot-vod-'));
    await writeFile(join(folder, 'film.mp4'), content);
    await utimes(join(folder, 'film.mp4'), changed, changed);
    const server = createServer(express().use(express.static(folder)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    reference = `http://127.0.0.1:${(server.address() as AddressInfo).port}/film.mp4`;
    close = () => new Promise((resolve) => server.close(() => resolve()));
    await start([]);
    lab.setSources(reference);
  });

  afterEach(async () => {
    await close();
    await rm(folder, { recursive: true });
  });

  async function askReference(method: string, headers: Readonly<Record<string, string>>) {
    return new Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }>((resolve, reject) => {
      const asked = request(reference, { agent: false, method, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
        });
      });
      asked.on('error', reject);
      asked.end();
    });
  }

  const ranges = [
    'bytes=0-0',
    'bytes=0-9',
    'bytes=10-19',
    'bytes=0-',
    'bytes=999-',
    'bytes=999-999',
    'bytes=0-999',
    'bytes=0-1000',
    'bytes=0-99999',
    'bytes=500-99999999999999999999',
    'bytes=-1',
    'bytes=-10',
    'bytes=-1000',
    'bytes=-1001',
    'bytes=-99999',
    'bytes=-0',
    'bytes=1000-',
    'bytes=1000-1001',
    'bytes=99999-',
    'bytes=99999999999999999999-',
    'bytes=5-4',
    'bytes=0-1,5-6',
    'bytes=0-1,1-2',
    'bytes=0-9,5-14',
    'bytes=0-0,-1',
    'bytes=0-1,2000-',
    'bytes=2000-,3000-',
    'bytes=0-1, 5-6',
    'bytes= 0-1',
    'bytes=0 - 1',
    'bytes=',
    'bytes',
    'bytes=-',
    'bytes=a-b',
    'bytes=0-b',
    'bytes=a-1',
    'bytes=0x0-0x9',
    'bytes=--1',
    'bytes=1',
    'bytes=0-1,',
    'bytes=,0-1',
    'bytes:0-1',
    'byte=0-1',
    'Bytes=0-1',
    'BYTES=0-1',
    'seconds=0-1',
    'items=0-1',
    'bytes 0-1',
    'bytes=1.5-2',
    'bytes=+1-2',
    'bytes=0-1;5-6',
    'none',
  ];

  test.each(['GET', 'HEAD'])('%s of a range is answered in the same way', async (method) => {
    for (const range of ranges) await compare(method, { range });
  });

  test('a condition is answered in the same way', async () => {
    const { headers } = await askReference('HEAD', {});
    const tag = String(headers['etag']);
    const conditions = [
      tag,
      tag.replace('W/', ''),
      '"other"',
      'W/"other"',
      '*',
      changed.toUTCString(),
      new Date(0).toUTCString(),
      new Date('2030-01-01').toUTCString(),
      'never',
      '""',
    ];
    for (const condition of conditions)
      for (const range of ['bytes=0-9', 'bytes=-5', 'bytes=2000-', 'bytes=0-1,5-6'])
        await compare('GET', { range, 'if-range': condition });
    await compare('GET', { 'if-range': tag });
    await compare('GET', {});
    await compare('HEAD', {});
  });

  async function compare(method: string, headers: Readonly<Record<string, string>>): Promise<void> {
    const expected = await askReference(method, headers);
    const given = method === 'HEAD' ? await lab.head(headers) : await lab.get(headers);
    const isRefused = expected.status === 416;
    const names = [
      'content-range',
      ...(isRefused ? [] : ['content-type', 'content-length', 'accept-ranges', 'etag', 'last-modified']),
    ];
    const pick = (from: Readonly<Record<string, unknown>>) =>
      Object.fromEntries(names.map((name) => [name, from[name]]));
    expect({
      ask: headers,
      status: given.status,
      headers: pick(given.headers),
      body: isRefused || given.body.equals(expected.body),
    }).toEqual({
      ask: headers,
      status: expected.status,
      headers: pick(expected.headers),
      body: true,
    });
  }
});

describe('a resolver', () => {
  const named = (answer: Promise<string | undefined> | undefined) => {
    const left: string[] = [];
    const resolve: VodLabOptions['resolve'] = ({ url, index, failure }) => {
      left.push(`${new URL(url).pathname} ${index} ${failure.status ?? failure.trigger}`);
      return answer;
    };
    return { left, resolve };
  };
  beforeEach(() => provider.at('/named.mp4', file(bytes)));

  test('names the file that is tried next, once, and each source that is left is tried after it', async () => {
    provider.at('/named.mp4', status(500));
    const { left, resolve } = named(Promise.resolve(provider.url('/named.mp4')));
    await start([status(404), file(bytes)], { resolve });
    expect((await lab.get()).body.equals(bytes)).toBe(true);
    expect(left).toEqual(['/0.mp4 0 404']);
    expect(provider.requests.map(({ path }) => path)).toEqual(['/0.mp4', '/named.mp4', '/1.mp4']);
    await untilQuiet(lab);
  });

  test('that is late: the list is gone on with, and what it names is tried at its end', async () => {
    let settle: (url: string) => void = () => undefined;
    const { resolve } = named(new Promise((answer) => (settle = answer)));
    await start([status(404), status(404)], { resolve });
    const answer = lab.get();
    await provider.waitForRequests('/1.mp4', 1);
    settle(provider.url('/named.mp4'));
    expect((await answer).body.equals(bytes)).toBe(true);
    await untilQuiet(lab);
  });

  test('that knows nothing changes nothing', async () => {
    const { left, resolve } = named(Promise.resolve(undefined));
    await start([status(404), status(404)], { resolve });
    expect((await lab.get()).status).toBe(404);
    expect(left).toHaveLength(1);
    await untilQuiet(lab);
  });

  test('is not asked in the middle of a file, which only the same file continues', async () => {
    const { left, resolve } = named(Promise.resolve(provider.url('/named.mp4')));
    await start([file(bytes, { cut: { at: 300_000, kind: 'reset' } }), file(bytes)], { resolve });
    expect((await lab.get()).body.equals(bytes)).toBe(true);
    expect(left).toEqual([]);
    await untilQuiet(lab);
  });
});
