import { spawn } from 'node:child_process';
import { createSimServer, type SimServer, type SimVariant } from '../../src/sim';
import { mediaLibrary } from '../../src/sim/media-library';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';

/** Runs a program to its end with bytes as its input. */
function run(command: string, args: readonly string[], input?: readonly Buffer[]) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece: Buffer) => {
    stdout += piece.toString();
  });
  child.stderr.on('data', (piece: Buffer) => {
    stderr += piece.toString();
  });
  // A program that has seen enough closes its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input && Buffer.concat(input));
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Presentation times of the packets of one stream, in seconds. */
async function packetTimes(format: string, select: string, input: readonly Buffer[]): Promise<number[]> {
  const { code, stdout, stderr } = await run(
    'ffprobe',
    ['-v', 'error', '-f', format, '-select_streams', select, '-show_entries', 'packet=pts_time', '-of', 'csv=p=0', '-'],
    input,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number.parseFloat(line));
}

/** Checks that packets follow each other without gap or overlap. */
function expectSteady(times: readonly number[], count: number, firstSeconds: number, stepSeconds: number): void {
  expect(times).toHaveLength(count);
  const worst = Math.max(...times.map((time, index) => Math.abs(time - (firstSeconds + index * stepSeconds))));
  expect(worst).toBeLessThan(0.001);
}

/** More than two turns of the loop. */
const SEGMENTS = 18;
const indexes = Array.from({ length: SEGMENTS }, (_, index) => index);

describe('the endless stream', () => {
  const library = mediaLibrary();
  const cases: readonly { variant: SimVariant; rendition: 'video1' | 'audio2' }[] = [
    { variant: 'fmp4', rendition: 'video1' },
    { variant: 'fmp4', rendition: 'audio2' },
    { variant: 'lowLatency', rendition: 'video1' },
    { variant: 'lowLatency', rendition: 'audio2' },
  ];

  it.each(cases)('has no seam in $rendition of $variant', async ({ variant, rendition }) => {
    const pieces = [library.init(rendition), ...indexes.flatMap((index) => library.segment(variant, rendition, index))];
    const times = await packetTimes('mp4', '0', pieces);
    if (rendition === 'video1') expectSteady(times, SEGMENTS * 25, 10, 1 / 25);
    else expectSteady(times, Math.ceil((SEGMENTS * 48_000) / 1024), 10, 1024 / 48_000);
    expect(await run('ffmpeg', ['-v', 'warning', '-f', 'mp4', '-i', '-', '-f', 'null', '-'], pieces)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('has no seam in mpegts', async () => {
    const pieces = indexes.flatMap((index) => library.segment('mpegts', 'main', index));
    expectSteady(await packetTimes('mpegts', 'v', pieces), SEGMENTS * 25, 10, 1 / 25);
    expectSteady(await packetTimes('mpegts', 'a', pieces), Math.ceil((SEGMENTS * 48_000) / 1024), 10, 1024 / 48_000);
    // ffmpeg tells of packets whose continuity counter jumps.
    expect(await run('ffmpeg', ['-v', 'warning', '-f', 'mpegts', '-i', '-', '-f', 'null', '-'], pieces)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('counts on for more than a day, where the clock of mpegts begins again', async () => {
    const day = 26.6 * 3600;
    const late = [0, 1, 2].flatMap((index) => library.segment('mpegts', 'main', Math.round(day) + index));
    const { stderr, code } = await run('ffmpeg', ['-v', 'warning', '-f', 'mpegts', '-i', '-', '-f', 'null', '-'], late);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  });

  it('cuts the parts of low latency exactly out of its segments', () => {
    for (const index of [0, 7, 8, 1000]) {
      for (const rendition of ['video1', 'audio2'] as const) {
        const parts = [0, 1, 2, 3, 4].flatMap((part) => library.part(rendition, index * 5 + part));
        expect(Buffer.concat(parts)).toEqual(Buffer.concat(library.segment('lowLatency', rendition, index)));
      }
    }
  });
});

describe.each(['pre-session', 'session'] as const)('ffmpeg plays from the stand-in, %s', (profile) => {
  const variants: readonly SimVariant[] = ['fmp4', 'lowLatency', 'mpegts'];
  let block: LoopbackBlock;
  let servers: SimServer[];

  beforeAll(async () => {
    block = await takeLoopbackBlock();
    servers = await Promise.all(
      variants.map((variant, index) => createSimServer({ address: block.address(11 + index), profile, variant })),
    );
    for (const server of servers) server.publish('live/a');
  });

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await block.release();
  });

  it('5 s of every variant, all at once', async () => {
    const results = await Promise.all(
      servers.map(async (server) => {
        const input = ['-i', `${server.hlsUrl}/live/a/index.m3u8`, '-t', '5'];
        const output = ['-f', 'null', '-', '-progress', '-', '-nostats'];
        const { code, stdout, stderr } = await run('ffmpeg', ['-v', 'error', ...input, ...output]);
        const frames = Number(/frame=(\d+)\n(?![\s\S]*frame=)/.exec(stdout)?.[1]);
        return { variant: server.variant, code, stderr, frames };
      }),
    );
    expect(results).toEqual(variants.map((variant) => ({ variant, code: 0, stderr: '', frames: 125 })));
  });
});
