import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { isEveryAddress, splitAddress } from './addresses';
import type { DemoStatus } from './status';

/** The server of the demo's page. */
export interface PageServer {
  /** Tells every open page that the status is new. */
  push(): void;
  stop(): Promise<void>;
}

export interface PageServerOptions {
  /** `host:port` to listen on. */
  readonly address: string;
  /** `host:port` of HAProxy: the only other place that the page may ask. */
  readonly viewersAddress: string;
  readonly status: () => DemoStatus;
}

interface StaticFile {
  readonly contentType: string;
  readonly body: Buffer;
}

const contentTypes = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const;

const pages: Readonly<Record<string, readonly [file: string, type: keyof typeof contentTypes]>> = {
  '/': ['index.html', 'html'],
  '/demo.css': ['demo.css', 'css'],
  '/demo.js': ['demo.js', 'js'],
  '/tile.js': ['tile.js', 'js'],
  '/timeline.js': ['timeline.js', 'js'],
  '/icon.svg': ['icon.svg', 'svg'],
};

/** Pages that may be open at a time. */
const maxListeners = 100;
/** So that a page notices a demo that has gone without closing its connection. */
const retryMs = 1000;

/**
 * Serves the page, hls.js out of its package, the status as JSON at `/status`, and its changes at `/events` (server-sent events).
 *
 * @throws the system's error when the address cannot be listened on, or a file of the page is missing.
 */
export async function createPageServer(options: PageServerOptions): Promise<PageServer> {
  const files = await loadFiles();
  const listeners = new Set<ServerResponse>();

  function listen(request: IncomingMessage, response: ServerResponse): void {
    if (listeners.size >= maxListeners) {
      respond(response, 503, 'text/plain', 'too many open pages');
      return;
    }
    response.writeHead(200, { ...commonHeaders, 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`retry: ${retryMs}\n${statusEvent(options.status())}`);
    listeners.add(response);
    request.socket.setNoDelay();
    response.once('close', () => listeners.delete(response));
  }

  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const file = files.get(path);
    if (request.method !== 'GET' && request.method !== 'HEAD') respond(response, 405, 'text/plain', 'GET only');
    else if (path === '/events') listen(request, response);
    else if (path === '/status') respond(response, 200, 'application/json', JSON.stringify(options.status()));
    else if (file === undefined) respond(response, 404, 'text/plain', 'no such page');
    else respondFile(response, file, policyFor(request.headers.host, options.viewersAddress));
  });
  const { host, port } = splitAddress(options.address);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    push() {
      const event = statusEvent(options.status());
      for (const listener of listeners) {
        // Who does not read gets the next status instead of a queue of old ones.
        if (listener.writableLength === 0) listener.write(event);
      }
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function loadFiles(): Promise<ReadonlyMap<string, StaticFile>> {
  const files = new Map<string, StaticFile>();
  for (const [path, [file, type]] of Object.entries(pages)) {
    files.set(path, { contentType: contentTypes[type], body: await readFile(join(__dirname, 'page', file)) });
  }
  files.set('/hls.js', {
    contentType: contentTypes.js,
    body: await readFile(require.resolve('hls.js/dist/hls.min.js')),
  });
  return files;
}

const commonHeaders = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' } as const;

function respond(response: ServerResponse, status: number, contentType: string, body: string | Buffer): void {
  response.writeHead(status, {
    ...commonHeaders,
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}

function respondFile(response: ServerResponse, { contentType, body }: StaticFile, policy: string): void {
  response.setHeader('content-security-policy', policy);
  respond(response, 200, contentType, body);
}

/** Nothing but the page's own files, and HAProxy for playlists and segments; hls.js hands the pictures over as a blob. */
function policyFor(hostHeader: string | undefined, viewersAddress: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ${originFor(hostHeader, viewersAddress)}`,
    'media-src blob:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** HAProxy's origin: where it listens on every address, it is asked on the one that the page was asked on. */
function originFor(hostHeader: string | undefined, viewersAddress: string): string {
  const { host, port } = splitAddress(viewersAddress);
  if (!isEveryAddress(host)) return `http://${viewersAddress}`;
  const pageHost = /^(\[[0-9A-Fa-f:]+\]|[0-9A-Za-z.-]+)(?::\d+)?$/.exec(hostHeader ?? '')?.[1] ?? '127.0.0.1';
  return `http://${pageHost}:${port}`;
}

function statusEvent(status: DemoStatus): string {
  return `data: ${JSON.stringify(status)}\n\n`;
}
