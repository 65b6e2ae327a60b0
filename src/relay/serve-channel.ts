import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Channel, ChannelSession } from './channel';
import { mainName } from './channel-source';
import type { Channels } from './channels';
import type { createFoundType } from './found-type';
import { respondFull, respondNoSource } from './no-source';
import { respondRelayProblem } from './problems';
import type { SourceFailure } from './provider';
import { viewerOf } from './serve-stream';
import type { ServeHls } from './server';
import { idInHeader } from './viewer';

export interface ServeChannelOptions {
  readonly channels: Channels;
  /** The client's true address. */
  readonly addressOf: (req: IncomingMessage) => string;
  /** A player that takes nothing for so long has its connection closed. */
  readonly clientTimeoutMs: number;
  /** Answers for what is no live list, and for the URLs that it makes. */
  readonly passthrough: ServeHls;
  /** Answers whoever asked for HLS that is a live stream. */
  readonly foundType: ReturnType<typeof createFoundType>;
}

/** As HAProxy's front door has them. */
const validToken = /^[0-9A-Za-z-]{1,64}$/;
const playlistType = 'application/vnd.apple.mpegurl';
/** Names of segments: a track where it is not the main one, a number, and an extension that says nothing that the number does not. */
const segmentPath = /^segment\/(?:([a-z]{1,20}-\d{1,2})\/)?(\d{1,15})\.([a-z0-9]{1,5})$/;
const playlistPath = /^([a-z]{1,20}(?:-\d{1,2})?)\.m3u8$/;
/** What a page of another site may read. */
const everybody = ['access-control-allow-origin', '*', 'x-content-type-options', 'nosniff'];
const exposed = ['access-control-expose-headers', 'X-Client-ID, X-Stream-ID'];
const retryAfter = ['retry-after', '1'];

/**
 * Makes what answers for the channel of an HLS stream, by GET and HEAD:
 *
 * | Path | What |
 * |---|---|
 * | `index.m3u8`, `playlist.m3u8` | the master playlist: a new session, whose name its URIs have as `mtxs` |
 * | `main.m3u8`, `audio-0.m3u8` … | media playlists |
 * | `segment/N.ts`, `segment/audio-0/N.aac` … | segments; `.key` and `.mp4`: keys and init segments |
 *
 * Every answer but a segment is of this instant, and of this session. A segment never changes, and no other one has its URL ever again.
 */
export function createServeChannel(options: ServeChannelOptions): ServeHls {
  const { channels, addressOf, clientTimeoutMs, passthrough } = options;
  return (req, res, stream, asked) => {
    const { path, query } = asked;
    const isMaster = path === 'index.m3u8' || path === 'playlist.m3u8';
    const track = isMaster ? undefined : playlistPath.exec(path)?.[1];
    const segment = segmentPath.exec(path);
    const isOwn = segment !== null || track !== undefined || isMaster;
    if (!isOwn || (isMaster && channels.isRecording(stream.id))) {
      passthrough(req, res, stream, asked);
      return;
    }
    const player = playerOf(req, query, addressOf(req));
    if (player.isNamed && channels.isDisconnected(stream.id, player.token)) {
      const detail = 'This player was disconnected. It may come again in a minute, or without its old name.';
      respondRelayProblem(res, 'Disconnected', { detail }, everybody);
    } else if (segment !== null) {
      const [, of = mainName, number = '', extension = ''] = segment;
      const channel = channels.find(stream.id);
      const part = partOf(channel, of, { number: Number(number), extension });
      // Nobody begins a channel in its middle; who is not in it any more, and plays on, is in it again.
      const session = part !== undefined && player.isNamed ? channel?.session(player.token, player.viewer) : undefined;
      sendPart(req, res, { part, session, clientTimeoutMs });
    } else if (req.method === 'HEAD') {
      res.writeHead(200, ['content-type', playlistType, 'cache-control', 'no-store', ...everybody]);
      res.end();
    } else {
      // It may wait for longer than connections are silent otherwise.
      req.socket.setTimeout(0);
      const channel = channels.open(stream, player.viewer.player);
      const session = channel.session(player.token, player.viewer);
      if (session !== undefined) {
        const none = (failures: readonly SourceFailure[]): void => {
          if (isMaster && channels.isRecording(stream.id)) passthrough(req, res, stream, asked);
          else if (failures[0]?.found !== undefined && failures[0].found !== stream.type)
            void options.foundType(res, { stream, type: failures[0].found, query, failures });
          else respondNothing(res, failures);
        };
        void sendPlaylist(res, stream.id, { channel, session, track, none });
        return;
      }
      channel.endIfEmpty();
      respondFull(res);
    }
  };
}

/** Who asks: by the session that HAProxy or an earlier playlist put into the URL, else by its own name. */
function playerOf(req: IncomingMessage, query: string, address: string) {
  const viewer = viewerOf(req, query, address);
  const given = new URLSearchParams(query);
  const session = given.get('mtxs') ?? '';
  const isSession = validToken.test(session);
  const isOwnName = given.has('client_id') && validToken.test(viewer.id);
  const token = isSession ? session : isOwnName ? viewer.id : randomUUID();
  return {
    token,
    isNamed: isSession || isOwnName,
    viewer: given.has('client_id') ? viewer : { ...viewer, id: token },
  };
}

interface PlaylistAnswer {
  readonly channel: Channel;
  readonly session: ChannelSession;
  /** Undefined: the master playlist. */
  readonly track: string | undefined;
  /** There is nothing to play. */
  readonly none: (failures: readonly SourceFailure[]) => void;
}

async function sendPlaylist(
  res: ServerResponse,
  streamId: string,
  { channel, session, track, none }: PlaylistAnswer,
): Promise<void> {
  const answered = session.request();
  res.once('close', () => answered(0, false));
  const query = `?mtxs=${session.token}`;
  const content = track === undefined ? await channel.master(query) : await channel.media(track, query);
  if (res.destroyed) return;
  if (content === undefined)
    respondRelayProblem(res, 'NoSuchPath', { detail: 'The channel has no such playlist.' }, everybody);
  else if (content.playlist === undefined) none(content.failures);
  else {
    res.writeHead(200, [
      ...['content-type', playlistType, 'content-length', String(Buffer.byteLength(content.playlist))],
      ...['cache-control', 'no-store', 'x-client-id', idInHeader(session.client.id), 'x-stream-id', streamId],
      ...everybody,
      ...exposed,
    ]);
    res.end(content.playlist);
  }
}

function respondNothing(res: ServerResponse, failures: readonly SourceFailure[]): void {
  if (failures.length > 0) respondNoSource(res, failures);
  else {
    const detail = 'No provider of this stream has sent enough to play yet.';
    respondRelayProblem(res, 'NotBuffered', { detail }, [...retryAfter, ...everybody]);
  }
}

/** Something that a playlist names. */
interface Part {
  readonly blocks: readonly Buffer[];
  readonly contentType: string;
  readonly kind: 'segment' | 'init' | 'key';
}

const companionTypes = { init: ['mp4', 'video/mp4'], key: ['key', 'application/octet-stream'] } as const;

/** Undefined for what is not held. */
function partOf(
  channel: Channel | undefined,
  track: string,
  { number, extension }: { readonly number: number; readonly extension: string },
): Part | undefined {
  const segment = channel?.segment(track, number);
  if (segment?.bytes !== undefined && segment.kind.extension === extension) {
    return { blocks: segment.bytes, contentType: segment.kind.contentType, kind: 'segment' };
  }
  const companion = channel?.companion(track, number);
  if (companion === undefined) return undefined;
  const [name, contentType] = companionTypes[companion.kind];
  return name === extension ? { blocks: [companion.bytes], contentType, kind: companion.kind } : undefined;
}

interface PartAnswer {
  readonly part: Part | undefined;
  readonly session: ChannelSession | undefined;
  readonly clientTimeoutMs: number;
}

function sendPart(req: IncomingMessage, res: ServerResponse, { part, session, clientTimeoutMs }: PartAnswer): void {
  if (part === undefined) {
    const detail = 'The segment is not held any more, or not yet.';
    respondRelayProblem(res, 'NoSuchSegment', { detail }, everybody);
    return;
  }
  const { blocks, contentType, kind } = part;
  const length = blocks.reduce((sum, one) => sum + one.length, 0);
  res.writeHead(200, [
    ...['content-type', contentType, 'content-length', String(length), 'accept-ranges', 'none'],
    ...['cache-control', kind === 'key' ? 'no-store' : 'private, max-age=3600, immutable'],
    ...everybody,
  ]);
  if (req.method === 'HEAD') {
    res.end();
    return;
  }
  const answered = session?.request();
  const { socket } = req;
  const before = socket.bytesWritten;
  res.setTimeout(clientTimeoutMs);
  res.once('close', () => {
    const isWhole = res.writableFinished;
    // What a player that left half-way got of it, the head included.
    answered?.(isWhole ? length : Math.min(length, socket.bytesWritten - before), isWhole && kind === 'segment');
  });
  // The same bytes for every player: those that are not sent yet are held once.
  res.cork();
  for (const block of blocks) res.write(block);
  res.uncork();
  res.end();
}
