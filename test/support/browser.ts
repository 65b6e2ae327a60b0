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
