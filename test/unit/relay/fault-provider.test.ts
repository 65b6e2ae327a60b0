import { type ClientRequest, type IncomingHttpHeaders, request } from 'node:http';
import {
  answerAfter,
  type Behaviour,
  createFaultProvider,
  endAfter,
  type FaultProvider,
  file,
  hangUp,
  headersOnly,
  html,
  inTurn,
  junkBefore,
  limit,
  live,
  loop,
  raw,
  redirect,
  refuseHead,
  resetAfter,
  silent,
  stallAfter,
  status,
} from '../../support/fault-provider';
import { until } from '../../support/until';

/** Bytes that tell where they stand. */
const clip = Buffer.from(Array.from({ length: 188 * 400 }, (_, index) => (index % 188 === 0 ? 0x47 : index % 251)));

const junk = Buffer.from('junk');

interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  chunks: Buffer[];
  ended: 'end' | 'error' | undefined;
  req: ClientRequest;
}

function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Answer {
  const answer: Partial<Answer> = { status: undefined, headers: {}, chunks: [], ended: undefined };
  const req = request(url, { agent: false, headers, method }, (res) => {
    Object.assign(answer, { status: res.statusCode, headers: res.headers });
    res.on('data', (chunk: Buffer) => answer.chunks?.push(chunk));
    // Behind a broken connection the body may end as if nothing had happened.
    res.on('end', () => (answer.ended ??= res.complete ? 'end' : 'error'));
    res.on('error', () => (answer.ended ??= 'error'));
  });
  req.on('error', () => (answer.ended ??= 'error'));
  req.end();
  return Object.assign(answer, { req }) as Answer;
}

const bytesOf = ({ chunks }: Answer): Buffer => Buffer.concat(chunks);
const ended = (answer: Answer) => until('the end of an answer', () => answer.ended, 2);

let provider: FaultProvider;
beforeEach(async () => {
  provider = await createFaultProvider();
});
afterEach(async () => {
  await provider.close();
});

function askFor(behaviour: Behaviour, headers: Record<string, string> = {}, method = 'GET'): Answer {
  provider.at('/x', behaviour);
  return ask(provider.url('/x?a=b'), headers, method);
}

it('sends a feed in a loop, at its rate, each connection from the beginning', async () => {
  const startedMs = performance.now();
  const answers = [1, 2].map(() => askFor(live(clip, { bytesPerTick: 50_000 })));
  await until('two rounds', () => answers.every((answer) => bytesOf(answer).length > 2 * clip.length));
  const mostTicks = (performance.now() - startedMs) / 20 + 1;
  for (const answer of answers) {
    const bytes = bytesOf(answer);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'content-type': 'video/mp2t' });
    expect(answer.headers).not.toHaveProperty('transfer-encoding');
    expect(bytes.subarray(0, 2 * clip.length).equals(Buffer.concat([clip, clip]))).toBe(true);
    expect(bytes.length).toBeLessThanOrEqual(mostTicks * 50_000);
    answer.req.destroy();
  }
  await provider.waitForOpen(0);
  expect(provider.connections.total).toBe(2);
});

it('begins where its clock is, at a whole packet', async () => {
  const clock = { ticks: 5 };
  const answer = askFor(live(clip, { bytesPerTick: 1000, clock }));
  await until('what is due', () => bytesOf(answer).length > 0, 1);
  expect(bytesOf(answer).equals(clip.subarray(26 * 188, 6000))).toBe(true);
  clock.ticks = 6;
  await until('what is due then', () => bytesOf(answer).length > 6000 - 26 * 188, 1);
  expect(bytesOf(answer).equals(clip.subarray(26 * 188, 7000))).toBe(true);
});

it('sends what is due at once as a burst', async () => {
  const answer = askFor(live(clip, { bytesPerTick: 1, burstBytes: 20_000 }));
  await until('the burst', () => bytesOf(answer).length >= 20_000);
  expect(bytesOf(answer).length).toBeLessThan(30_000);
});

it.each<[string, Behaviour, Buffer, Answer['ended']]>([
  ['once', live(clip, { loops: false, bytesPerTick: 1e6 }), clip, 'end'],
  ['up to a break', resetAfter(1000, live(clip)), clip.subarray(0, 1000), 'error'],
  ['up to a clean end', endAfter(1000, live(clip)), clip.subarray(0, 1000), 'end'],
  ['behind junk', endAfter(10, junkBefore('junk', live(clip))), Buffer.concat([junk, clip.subarray(0, 6)]), 'end'],
  ['a page', html('<p>'), Buffer.from('<p>'), 'end'],
  ['a status', status(403, 'no', { 'retry-after': '1' }), Buffer.from('no'), 'end'],
  ['what is no HTTP', raw('nonsense'), Buffer.alloc(0), 'error'],
  ['nothing', hangUp(), Buffer.alloc(0), 'error'],
  ['a broken connection', hangUp('reset'), Buffer.alloc(0), 'error'],
  ['late', answerAfter(5, status(200, 'late')), Buffer.from('late'), 'end'],
  ['a file cut short', file(clip, { cut: { at: 70_000, kind: 'end' } }), clip.subarray(0, 70_000), 'error'],
  ['a file broken', file(clip, { cut: { at: 70_000, kind: 'reset' } }), clip.subarray(0, 70_000), 'error'],
])('sends %s', async (_name, behaviour, bytes, end) => {
  const answer = askFor(behaviour);
  expect(await ended(answer)).toBe(end);
  expect(bytesOf(answer).equals(bytes)).toBe(true);
});

it.each<[string, Behaviour, number]>([
  ['no answer', silent(), 0],
  ['headers only', headersOnly(), 0],
  ['some bytes', stallAfter(500, live(clip)), 500],
])('falls silent: %s', async (name, behaviour, length) => {
  const answer = askFor(behaviour);
  await provider.waitForRequests('/x', 1);
  await until('what comes', () => bytesOf(answer).length === length && (name === 'no answer' || answer.status === 200));
  expect(answer.ended).toBeUndefined();
  expect(provider.open('/x')).toBe(1);
  answer.req.destroy();
  await provider.waitForOpen(0);
  expect(provider.open('/x')).toBe(0);
});

it('redirects, and goes round in circles', async () => {
  const there = askFor(redirect('/there', 307, { 'set-cookie': ['a=1', 'b=2'] }));
  const round = ((): Answer => {
    provider.at('/round', loop());
    return ask(provider.url('/round?q'));
  })();
  await Promise.all([ended(there), ended(round)]);
  expect(there).toMatchObject({ status: 307, headers: { location: '/there', 'set-cookie': ['a=1', 'b=2'] } });
  expect(round).toMatchObject({ status: 302, headers: { location: '/round?q' } });
});

it('counts what is open, lets in no more than a limit, and answers in turn', async () => {
  const most = limit(1, status(429), headersOnly());
  const first = askFor(most);
  await provider.waitForRequests('/x', 1);
  const second = ask(provider.url('/x'));
  await ended(second);
  expect(second.status).toBe(429);
  first.req.destroy();
  await provider.waitForOpen(0);
  const third = ask(provider.url('/x'));
  await until('an answer', () => third.status === 200);

  const answers: (number | undefined)[] = [];
  provider.at('/turns', inTurn(status(500), status(200)));
  for (let count = 0; count < 3; count++) {
    const answer = ask(provider.url('/turns'));
    await ended(answer);
    answers.push(answer.status);
  }
  expect(answers).toEqual([500, 200, 200]);
});

it('changes its behaviour, is cut, stalls and goes on, without losing a byte', async () => {
  const first = askFor(live(clip));
  await until('bytes', () => bytesOf(first).length > 0);
  expect(provider.cut('/x', 'reset')).toBe(1);
  expect(await ended(first)).toBe('error');
  provider.set('/x', live(clip, { bytesPerTick: 1000 }));
  const second = ask(provider.url('/x'));
  await until('bytes', () => bytesOf(second).length > 0);
  provider.stall('/x');
  const third = ask(provider.url('/x'));
  await until('headers', () => third.status === 200);
  expect(bytesOf(third).length).toBe(0);
  provider.resume('/x');
  await until('more', () => [second, third].every((answer) => bytesOf(answer).length > 5000));
  expect(provider.cut('/x', 'end')).toBe(2);
  for (const answer of [second, third]) {
    expect(await ended(answer)).toBe('end');
    expect(bytesOf(answer).equals(clip.subarray(0, bytesOf(answer).length))).toBe(true);
  }
});

it('tells what it was asked', async () => {
  await ended(askFor(status(204), { 'user-agent': 'VLC' }));
  await ended(ask(provider.url('/nowhere')));
  expect(provider.requests).toMatchObject([
    { method: 'GET', path: '/x', query: '?a=b', headers: { 'user-agent': 'VLC' } },
    { method: 'GET', path: '/nowhere', query: '' },
  ]);
  expect(provider.requestsOf('/x')).toHaveLength(1);
});

describe('file', () => {
  const size = clip.length;
  const date = 'Thu, 01 Jan 2026 00:00:00 GMT';
  const whole = [200, undefined, clip] as const;

  it.each<[string, Record<string, string>, readonly [number, string | undefined, Buffer]]>([
    ['no range', {}, whole],
    ['a beginning', { range: 'bytes=0-9' }, [206, `bytes 0-9/${size}`, clip.subarray(0, 10)]],
    ['the rest', { range: 'bytes=100-' }, [206, `bytes 100-${size - 1}/${size}`, clip.subarray(100)]],
    ['a suffix', { range: 'bytes=-7' }, [206, `bytes ${size - 7}-${size - 1}/${size}`, clip.subarray(-7)]],
    ['more than all', { range: `bytes=5-${size + 5}` }, [206, `bytes 5-${size - 1}/${size}`, clip.subarray(5)]],
    ['behind the end', { range: `bytes=${size}-` }, [416, `bytes */${size}`, Buffer.alloc(0)]],
    ['no bytes', { range: 'bytes=-0' }, [416, `bytes */${size}`, Buffer.alloc(0)]],
    ['backwards', { range: 'bytes=9-5' }, whole],
    ['another unit', { range: 'lines=0-9' }, whole],
    ['several', { range: 'bytes=0-1,5-6' }, whole],
    ['the same version', { range: 'bytes=0-9', 'if-range': '"1"' }, [206, `bytes 0-9/${size}`, clip.subarray(0, 10)]],
    ['the same date', { range: 'bytes=0-9', 'if-range': date }, [206, `bytes 0-9/${size}`, clip.subarray(0, 10)]],
    ['another version', { range: 'bytes=0-9', 'if-range': '"2"' }, whole],
    ['a weak version', { range: 'bytes=0-9', 'if-range': 'W/"1"' }, whole],
  ])('answers a range: %s', async (_name, headers, [code, contentRange, bytes]) => {
    const answer = askFor(file(clip), headers);
    expect(await ended(answer)).toBe('end');
    expect(answer.status).toBe(code);
    expect(answer.headers).toMatchObject({ 'accept-ranges': 'bytes', etag: '"1"', 'last-modified': date });
    expect(answer.headers['content-range']).toBe(contentRange);
    expect(bytesOf(answer).equals(bytes)).toBe(true);
  });

  it('sends several ranges as one body of many parts, where it is to', async () => {
    const answer = askFor(file(clip, { severalRanges: 'multipart' }), { range: 'bytes=0-1,-2' });
    await ended(answer);
    const [, boundary = ''] = /boundary=(.+)$/.exec(answer.headers['content-type'] ?? '') ?? [];
    const parts = bytesOf(answer).toString('latin1').split(`\r\n--${boundary}`);
    expect(answer.status).toBe(206);
    expect(parts.slice(1, 3).map((part) => part.split('\r\n\r\n')[1])).toEqual(
      [clip.subarray(0, 2), clip.subarray(-2)].map((bytes) => bytes.toString('latin1')),
    );
  });

  it('is asked for its head only, or refuses that', async () => {
    const head = askFor(file(clip), {}, 'HEAD');
    await ended(head);
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': String(size) }, chunks: [] });
    const refused = askFor(refuseHead(405, file(clip)), {}, 'HEAD');
    await ended(refused);
    expect(refused.status).toBe(405);
  });

  it('is cut so often only, and where the range is', async () => {
    const behaviour = file(clip, { cut: { at: 1000, kind: 'end', times: 1 } });
    const answers = [askFor(behaviour, { range: 'bytes=2000-' })];
    await ended(answers[0] as Answer);
    for (let count = 0; count < 2; count++) {
      const answer = ask(provider.url('/x'), { range: 'bytes=10-' });
      await ended(answer);
      answers.push(answer);
    }
    expect(answers.map((answer) => bytesOf(answer).length)).toEqual([size - 2000, 990, size - 10]);
  });

  it('ignores ranges where it is to, and has no validators where it has none', async () => {
    const answer = askFor(file(clip, { ignoresRange: true, etag: null, lastModified: null }), { range: 'bytes=0-1' });
    await ended(answer);
    expect(answer.status).toBe(200);
    for (const name of ['accept-ranges', 'etag', 'last-modified']) expect(answer.headers).not.toHaveProperty(name);
  });
});
