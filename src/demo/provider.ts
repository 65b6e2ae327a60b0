import { createServer, type ServerResponse } from 'node:http';
import { splitAddress } from './addresses';

/** Gives a second of an endless transport stream, by its place from 0 on. */
export type LiveSegments = (index: number) => Buffer;

/** A provider of one programme under two paths, as an account at two servers would be. */
export interface DemoProvider {
  /** The primary source, then the backup. */
  readonly urls: readonly string[];
  /** Breaks every connection that is open. @returns how many there were. */
  cut(): number;
  stop(): Promise<void>;
}

/** A second of the programme leaves in so many pieces. */
const piecesASecond = 10;
/** Who comes gets so much of the past, as providers give it so that players can begin. */
const burstSeconds = 1;
/** Who does not read is no reader of a live stream. */
const mostUnreadBytes = 4 * 1024 * 1024;

/** @throws the system's error when the address cannot be listened on. */
export async function startDemoProvider(address: string, segments: LiveSegments): Promise<DemoProvider> {
  const startedMs = performance.now();
  const paths = ['/primary.ts', '/backup.ts'];
  const open = new Set<ServerResponse>();

  function send(response: ServerResponse): void {
    const nowSeconds = (): number => (performance.now() - startedMs) / 1000 + burstSeconds;
    let second = Math.floor(nowSeconds()) - burstSeconds;
    let piece = 0;
    let bytes = segments(second);
    const timer = setInterval(() => {
      if (response.writableLength > mostUnreadBytes) response.destroy();
      while (second + piece / piecesASecond < nowSeconds() - 1) {
        const [from, to] = [piece, piece + 1].map((part) => Math.floor((bytes.length * part) / piecesASecond));
        response.write(bytes.subarray(from, to));
        piece++;
        if (piece < piecesASecond) continue;
        piece = 0;
        second++;
        bytes = segments(second);
      }
    }, 1000 / piecesASecond);
    response.once('close', () => {
      clearInterval(timer);
      open.delete(response);
    });
    open.add(response);
  }

  const server = createServer((request, response) => {
    if (!paths.includes(request.url ?? '')) {
      response.writeHead(404).end('no such stream');
      return;
    }
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, { 'content-type': 'video/mp2t', connection: 'close' });
    response.flushHeaders();
    if (request.method === 'HEAD') response.end();
    else send(response);
  });
  const { host, port } = splitAddress(address);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    urls: paths.map((path) => `http://${address}${path}`),
    cut() {
      const count = open.size;
      for (const response of open) response.socket?.resetAndDestroy();
      return count;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
