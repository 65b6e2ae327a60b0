import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { gzip } from 'node:zlib';
import { ownValue, parsedUrl } from '../wire';

/** One file of the page, ready to be sent. */
interface PageFile {
  readonly contentType: string;
  readonly body: Buffer;
  readonly etag: string;
  gzipped: Promise<Buffer> | undefined;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The files of the page, read once; empty where the page was not built. */
export interface DashboardFiles {
  readonly isBuilt: boolean;
  has(name: string): boolean;
  /**
   * Sends a file of the page; what the browser has already is not sent again.
   * @param viewersUrl where the page may play streams from, and is told so in its `meta` tag.
   */
  send(req: IncomingMessage, res: ServerResponse, name: string, viewersUrl: string): Promise<void>;
}

/** Reads the folder into which the page is built. */
export function loadDashboardFiles(folder: string): DashboardFiles {
  const files = new Map<string, PageFile>();
  for (const name of namesIn(folder)) {
    const contentType = ownValue(contentTypes, extname(name));
    if (contentType === undefined) continue;
    const body = readFileSync(join(folder, name));
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 16)}"`;
    files.set(name, { contentType, body, etag, gzipped: undefined });
  }
  return {
    isBuilt: files.has('index.html'),
    has: (name) => files.has(name),
    async send(req, res, name, viewersUrl) {
      const file = files.get(name);
      if (file === undefined) return;
      const { contentType, etag } = file;
      const isPage = name === 'index.html';
      const headers: Record<string, string | number> = {
        'content-type': contentType,
        // Asked again each time, and answered without a body when nothing has changed.
        'cache-control': isPage ? 'no-store' : 'no-cache',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'content-security-policy': policyFor(viewersUrl),
        'cross-origin-opener-policy': 'same-origin',
        vary: 'accept-encoding',
      };
      if (isPage) {
        const body = file.body.toString('utf8').replace('{{viewersUrl}}', escapeAttribute(viewersUrl));
        res.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(body) });
        res.end(body);
        return;
      }
      if (req.headers['if-none-match'] === etag) {
        res.writeHead(304, { ...headers, etag });
        res.end();
        return;
      }
      const isGzipped = /\bgzip\b/.test(req.headers['accept-encoding'] ?? '');
      if (isGzipped) file.gzipped ??= compress(file.body);
      const body = isGzipped ? await (file.gzipped ?? file.body) : file.body;
      res.writeHead(200, {
        ...headers,
        etag,
        'content-length': body.length,
        ...(isGzipped ? { 'content-encoding': 'gzip' } : {}),
      });
      res.end(body);
    },
  };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Run from the sources, nothing is built; the page then says so.
    return [];
  }
}

function compress(body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    gzip(body, (error, result) => (error === null ? resolve(result) : reject(error))),
  );
}

/** Nothing but the page's own files, and HAProxy for playlists and segments; hls.js hands the pictures over as a blob. */
function policyFor(viewersUrl: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${new URL(viewersUrl).origin}`,
    'media-src blob:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function escapeAttribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}

/**
 * Where viewers come in: as configured, else the page's own host at HAProxy's usual port.
 * @param host of the page, as checked; undefined or empty when it is none that may end up in the page and its policy.
 */
export function viewersUrlFor(host: string | undefined, configured: string | undefined): string {
  if (configured !== undefined) return configured;
  const url = `http://${host}:8080`;
  return host !== undefined && host !== '' && parsedUrl(url) !== undefined ? url : 'http://127.0.0.1:8080';
}
