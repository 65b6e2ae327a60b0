import { respondRelayProblem } from './problems';
import type { ServeHls } from './server';
import type { HlsMode } from './stream';

/** Makes what answers below `/hls/{id}/` (GET and HEAD), by how the stream is to be given to players: a live transport stream is cut into segments. */
export function createServeHls(servers: Readonly<Record<HlsMode, ServeHls>>): ServeHls {
  return (req, res, stream, asked) => {
    if (stream.type === 'hls') servers[stream.hls](req, res, stream, asked);
    else if (stream.type === 'live') servers.channel(req, res, stream, asked);
    else respondRelayProblem(res, 'NotAvailable', { detail: 'This stream is a file: it is to be found at /stream/.' });
  };
}
