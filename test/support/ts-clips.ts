import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How a clip is made; everything by ffmpeg from its own test sources. */
export interface ClipOptions {
  readonly seconds?: number;
  readonly size?: string;
  readonly rate?: number;
  /** Options of the video encoder; `undefined`: none. */
  readonly video?: readonly string[] | null;
  readonly audio?: readonly string[] | null;
  /** Options of the MPEG-TS muxer. */
  readonly mux?: readonly string[];
  /** Where its times begin, in seconds. */
  readonly startSeconds?: number;
}

const usualVideo = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '25', '-keyint_min', '25'];
const usualAudio = ['-c:a', 'aac', '-b:a', '64k'];

/** Clips and reports in a folder of its own. */
export interface ClipFolder {
  /** The clip's bytes. */
  clip(options?: ClipOptions): Buffer;
  /** What ffmpeg says when it decodes all of it; empty when nothing is wrong. */
  complaints(bytes: Buffer): string;
  /** Decoding times of the packets of a stream (`v` or `a`), in 90 kHz, as ffprobe reads them (which unwraps them). */
  decodingTimes(bytes: Buffer, stream: 'v' | 'a'): number[];
  /** Presentation times of the frames that a decoder gives. */
  shownTimes(bytes: Buffer): number[];
  /** Sizes of the frames that a decoder gives, each once. */
  sizes(bytes: Buffer): string[];
  remove(): void;
}

export function createClipFolder(): ClipFolder {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-clips-'));
  let count = 0;
  const made = new Map<string, Buffer>();

  function file(bytes: Buffer): string {
    const path = join(folder, `${++count}.ts`);
    writeFileSync(path, bytes);
    return path;
  }

  function probe(bytes: Buffer, args: readonly string[]): string {
    return execFileSync('ffprobe', ['-v', 'quiet', ...args, '-of', 'csv=p=0', file(bytes)], {
      encoding: 'utf8',
      maxBuffer: 64e6,
    });
  }

  const ticks = (text: string): number[] =>
    text
      .split('\n')
      .map((line) => line.split(',')[0] ?? '')
      .filter((field) => /^-?\d+$/.test(field))
      .map(Number);

  return {
    clip(options = {}) {
      const key = JSON.stringify(options);
      const before = made.get(key);
      if (before !== undefined) return Buffer.from(before);
      const {
        seconds = 4,
        size = '320x180',
        rate = 25,
        video = usualVideo,
        audio = usualAudio,
        mux = [],
        startSeconds = 0,
      } = options;
      const path = join(folder, `${++count}.ts`);
      const inputs = [
        ...(video === null ? [] : ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}`]),
        ...(audio === null ? [] : ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000']),
      ];
      const codecs = [...(video === null ? [] : ['-pix_fmt', 'yuv420p', ...video]), ...(audio ?? [])];
      const times = ['-t', String(seconds), '-output_ts_offset', String(startSeconds), '-muxdelay', '0.7'];
      execFileSync('ffmpeg', ['-v', 'error', ...inputs, ...codecs, ...times, ...mux, '-f', 'mpegts', '-y', path]);
      const bytes = readFileSync(path);
      made.set(key, bytes);
      return Buffer.from(bytes);
    },
    complaints(bytes) {
      const args = ['-v', 'warning', '-i', file(bytes), '-map', '0', '-f', 'null', '-'];
      const { stderr } = spawnSync('ffmpeg', args, { encoding: 'utf8' });
      return stderr.trim();
    },
    decodingTimes: (bytes, stream) =>
      ticks(probe(bytes, ['-select_streams', `${stream}:0`, '-show_entries', 'packet=dts'])),
    shownTimes: (bytes) => ticks(probe(bytes, ['-select_streams', 'v:0', '-show_entries', 'frame=pts'])),
    sizes(bytes) {
      const lines = probe(bytes, ['-select_streams', 'v:0', '-show_entries', 'frame=width,height']).split('\n');
      return [...new Set(lines.flatMap((line) => /^(\d+),(\d+)/.exec(line)?.slice(1).join('x') ?? []))];
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
