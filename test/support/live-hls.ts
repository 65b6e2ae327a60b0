import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FaultProvider, file, status } from './fault-provider';

/** Cuts a clip with a keyframe each second into segments of a second, by ffmpeg. */
export function cutIntoSegments(clip: Buffer): readonly Buffer[] {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-hls-'));
  try {
    writeFileSync(join(folder, 'clip.ts'), clip);
    const hls = ['-c', 'copy', '-f', 'hls', '-hls_time', '1', '-hls_list_size', '0'];
    const names = ['-hls_segment_filename', join(folder, 's%04d.ts'), join(folder, 'list.m3u8')];
    execFileSync('ffmpeg', ['-v', 'error', '-i', join(folder, 'clip.ts'), ...hls, ...names]);
    const segments = readdirSync(folder).filter((name) => /^s\d+\.ts$/.test(name));
    return segments.sort().map((name) => readFileSync(join(folder, name)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface LiveHlsOptions {
  /** The number of the first segment. */
  readonly first?: number;
  /** Whether segments have times: two providers of the same programme then agree on them. */
  readonly isTimed?: boolean;
}

/** Segments in a list. */
const windowLength = 6;

/**
 * Puts a live stream at `PATH/list.m3u8`: segments of a second, the newest of which come as time goes on, six in the list. What has left the list is gone.
 * @param startedMs Unix time of the first segment.
 */
export function putLiveHls(
  provider: FaultProvider,
  path: string,
  segments: readonly Buffer[],
  startedMs: number,
  { first = 0, isTimed = false }: LiveHlsOptions = {},
): void {
  const newest = (): number =>
    Math.min(segments.length - 1, Math.floor((Date.now() - startedMs) / 1000) + windowLength);
  provider.at(`${path}/list.m3u8`, (exchange) => {
    const from = Math.max(0, newest() - windowLength + 1);
    const lines = ['#EXTM3U', '#EXT-X-VERSION:3', '#EXT-X-TARGETDURATION:1', `#EXT-X-MEDIA-SEQUENCE:${first + from}`];
    for (let index = from; index <= newest(); index++) {
      if (isTimed) lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(startedMs + index * 1000).toISOString()}`);
      lines.push('#EXTINF:1.000,', `s${first + index}.ts`);
    }
    status(200, `${lines.join('\n')}\n`, { 'content-type': 'application/vnd.apple.mpegurl' })(exchange);
  });
  for (const [index, bytes] of segments.entries()) {
    const there = file(bytes, { contentType: 'video/mp2t' });
    provider.at(`${path}/s${first + index}.ts`, (exchange) => (index <= newest() ? there : status(404))(exchange));
  }
}
