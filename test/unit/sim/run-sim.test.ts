import { PassThrough } from 'node:stream';
import { type RunSimOptions, runSim, SIM_COMMANDS } from '../../../src/sim';
import { ask } from '../../contract/exchange';
import { type LoopbackBlock, takeLoopbackBlock } from '../../support/loopback-block';

type Answer = Record<string, unknown> & { ok: boolean; error?: string };

describe('a fleet that is driven by lines', () => {
  let block: LoopbackBlock;
  let stdin: PassThrough;
  let ended: Promise<void>;
  let lines: AsyncIterator<string>;

  async function* linesOf(stream: PassThrough): AsyncGenerator<string> {
    let rest = '';
    for await (const piece of stream) {
      const parts = `${rest}${String(piece)}`.split('\n');
      rest = parts.pop() ?? '';
      yield* parts;
    }
  }

  const next = async () => JSON.parse(String((await lines.next()).value)) as Answer;
  const say = (line: string | object): Promise<Answer> => {
    stdin.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
    return next();
  };

  async function begin(options: RunSimOptions = {}): Promise<Answer> {
    block = await takeLoopbackBlock();
    stdin = new PassThrough();
    const stdout = new PassThrough();
    lines = linesOf(stdout);
    ended = runSim({ servers: 2, firstAddress: block.address(11), variant: 'fmp4', ...options }, stdin, stdout);
    return next();
  }

  afterEach(async () => {
    stdin.end();
    await ended;
    await block.release();
  });

  const isListening = (address: string) =>
    ask(`http://${address}:9997`, { path: '/v3/info' }).then(
      ({ status }) => status === 200,
      () => false,
    );

  it('says where its servers are before anything else', async () => {
    expect(await begin({ publish: { mtx2: ['live/z'] } })).toEqual({
      ok: true,
      ready: true,
      servers: [1, 2].map((number) => ({
        name: `mtx${number}`,
        hlsUrl: `http://${block.address(10 + number)}:8888`,
        apiUrl: `http://${block.address(10 + number)}:9997`,
        version: 'v1.20.1',
        variant: 'fmp4',
        running: true,
      })),
    });
    expect(await say({ do: 'streams', server: 'mtx2' })).toEqual({ ok: true, streams: ['live/z'] });
  });

  it('does what it is told, in order', async () => {
    await begin();
    const published = await say({ id: 7, server: 'mtx1', do: 'publish', stream: 'live/a', sourceType: 'srtConn' });
    expect(published).toEqual({ ok: true, id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string });
    expect(await say({ do: 'streams', server: 'mtx1' })).toEqual({ ok: true, streams: ['live/a'] });
    expect(await say({ do: 'move', server: 'mtx2', stream: 'live/a' })).toEqual({ ok: true });
    expect(await say({ do: 'streams', server: 'mtx2' })).toEqual({ ok: true, streams: ['live/a'] });
    expect(await say({ do: 'unpublish', server: 'mtx1', stream: 'live/a' })).toEqual({ ok: true, was: false });
    expect(await say({ do: 'fault', server: 'mtx1', side: 'api', kind: 'status', status: 503 })).toEqual({ ok: true });
    expect((await ask(`http://${block.address(11)}:9997`, { path: '/v3/info' })).status).toBe(503);
    expect(await say({ do: 'clearFaults', server: 'mtx1' })).toEqual({ ok: true });
    expect(await say({ do: 'kill', server: 'mtx1' })).toEqual({ ok: true });
    expect(await isListening(block.address(11))).toBe(false);
    expect(await say({ do: 'publish', server: 'mtx1', stream: 'x' })).toEqual({
      ok: false,
      error: "server 'mtx1' is not running",
    });
    expect(await say({ do: 'restart', server: 'mtx1' })).toEqual({ ok: true });
    expect(await isListening(block.address(11))).toBe(true);
    expect(await say({ do: 'counters', server: 'mtx1' })).toMatchObject({ ok: true, counters: { info: 1, master: 0 } });
    expect(await say({ do: 'resetTraffic', server: 'mtx1' })).toEqual({ ok: true });
    expect(await say({ do: 'requests', server: 'mtx1' })).toEqual({ ok: true, requests: [] });
    expect(await say({ do: 'sessions', server: 'mtx1' })).toEqual({ ok: true, sessions: [] });
  });

  it.each<[string, string]>([
    ['hello', '"hello" given; allowed is a JSON object such as {"server":"mtx1","do":"publish","stream":"live/a"}'],
    ['[]', '"[]" given; allowed is a JSON object'],
    ['null', '"null" given; allowed is a JSON object'],
    ['{}', `do: nothing given; allowed are ${SIM_COMMANDS.join(', ')}`],
    ['{"do":"dance"}', 'do: "dance" given; allowed are publish, '],
    ['{"do":"kill"}', 'server: nothing given; allowed are mtx1, mtx2'],
    ['{"do":"kill","server":"mtx3"}', 'server: "mtx3" given; allowed are mtx1, mtx2'],
    ['{"do":"publish","server":"mtx1"}', 'stream: nothing given; allowed is a text that is not empty'],
    ['{"do":"publish","server":"mtx1","stream":"a b"}', 'invalid path name: can contain only'],
    ['{"do":"fault","server":"mtx1","side":"x","kind":"stall"}', 'side: "x" given; allowed are api, hls'],
    ['{"do":"fault","server":"mtx1","side":"api","kind":"x"}', 'kind: "x" given; allowed are stall, delay'],
    ['{"do":"fault","server":"mtx1","side":"api","kind":"delay"}', 'delayMs: nothing given; allowed are whole numbers'],
    ['{"do":"fault","server":"mtx1","side":"api","kind":"status","status":42}', 'status: 42 given; allowed are whole'],
    [`"${'x'.repeat(70_000)}"`, 'a line of 70002 characters given; allowed are 65536'],
  ])('answers %.60s with what is allowed', async (line, error) => {
    await begin();
    const answer = await say(line);
    expect(answer.ok).toBe(false);
    expect(answer.error).toContain(error);
    expect(await say({ id: 'still here', do: 'servers' })).toMatchObject({ ok: true, id: 'still here' });
  });

  it.each<[string, () => unknown, RunSimOptions]>([
    ['its input ends', () => stdin.end(), {}],
    ['it is told to stop', () => stdin.write('{"do":"stop"}\n'), { keepRunning: true }],
  ])('ends when %s', async (_, end, options) => {
    await begin(options);
    end();
    await ended;
    expect(await isListening(block.address(11))).toBe(false);
  });

  it('goes on without input where that is wanted, until the signal', async () => {
    const controller = new AbortController();
    await begin({ keepRunning: true, signal: controller.signal });
    stdin.end();
    expect(await isListening(block.address(11))).toBe(true);
    controller.abort();
    await ended;
    expect(await isListening(block.address(11))).toBe(false);
  });
});
