import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type Browser, chromium } from 'playwright-core';

/** Chromium as a viewer has it; close it. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM_BIN'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
}

/** A page on a site of its own, with hls.js and a video. */
export interface PlayerPage {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the page on port 8088 of an address. */
export async function servePlayerPage(address: string): Promise<PlayerPage> {
  const script = readFileSync(require.resolve('hls.js/dist/hls.min.js'));
  const server = createServer((request, response) => {
    if (request.url === '/hls.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    else
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<!doctype html><script src="/hls.js"></script><video muted></video>');
  });
  await new Promise<void>((done) => server.listen(8088, address, done));
  return {
    url: `http://${address}:8088/`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** What a player showed of 10 s. */
export interface Played {
  readonly seconds: number;
  readonly frames: number;
  readonly errors: readonly string[];
}

/** Runs in the page: resolves when the video has played 10 s, or at the first fatal error. */
export async function playFor10Seconds(url: string): Promise<Played> {
  interface Hls {
    on(event: string, listener: (event: string, data: { fatal: boolean; details: string }) => void): void;
    loadSource(url: string): void;
    attachMedia(video: unknown): void;
  }
  interface Video {
    currentTime: number;
    play(): Promise<void>;
    getVideoPlaybackQuality(): { totalVideoFrames: number };
  }
  const page = globalThis as unknown as {
    Hls: new (config: Readonly<Record<string, unknown>>) => Hls;
    document: { querySelector(selector: string): Video };
  };
  const video = page.document.querySelector('video');
  // Without a retry an error is told at once, and none is about how fast the machine is.
  const policy = {
    default: { maxTimeToFirstByteMs: 600_000, maxLoadTimeMs: 600_000, timeoutRetry: null, errorRetry: null },
  };
  const hls = new page.Hls({ manifestLoadPolicy: policy, playlistLoadPolicy: policy, fragLoadPolicy: policy });
  const errors: string[] = [];
  const fatal = { seen: false };
  hls.on('hlsError', (_event, data) => {
    errors.push(`${data.details}${data.fatal ? ' (fatal)' : ''}`);
    fatal.seen ||= data.fatal;
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  await video.play();
  const start = video.currentTime;
  while (!fatal.seen && video.currentTime - start < 10) await new Promise((next) => setTimeout(next, 50));
  return { seconds: video.currentTime - start, frames: video.getVideoPlaybackQuality().totalVideoFrames, errors };
}
