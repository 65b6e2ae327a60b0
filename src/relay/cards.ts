import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clip, createLoop, type JoinPoint, readClip, ticksPerSecond } from '../mpegts';
import { errorText } from '../wire';

/** Why a card is played: every source fails, or one would be there but for its limit of connections. */
export type CardReason = 'down' | 'full';

/** One play of a card, at its own pace. */
export interface CardPlay {
  /** Where it is joined. */
  readonly point: JoinPoint;
  /** What is due now and was not given yet; the caller's to change. */
  read(nowMs: number): Buffer;
}

/** Clips that are played while a stream has no source. */
export interface Cards {
  /** `playing`: only to clients that have got bytes of a source. `always`: also instead of an error. */
  readonly when: 'playing' | 'always';
  /** So long no source is on air before a card begins. */
  readonly afterMs: number;
  play(reason: CardReason, nowMs: number): CardPlay;
}

export interface CardSettings {
  readonly when: 'off' | 'playing' | 'always';
  readonly after: number;
  /** Files; the clip of the package where there is none. */
  readonly down?: string | undefined;
  readonly full?: string | undefined;
}

export const mostCardBytes = 16 * 1024 * 1024;
const plainCard = join(__dirname, 'media', 'card.mpegts');
/** After a pause of this process no more than this is made up for at once. */
const mostBehindMs = 1000;

/**
 * Reads the cards into memory, once for all who will play them.
 * @returns undefined where there are none.
 * @throws Error that names the setting and the file that cannot be played.
 */
export async function openCards({ when, after, down, full }: CardSettings): Promise<Cards | undefined> {
  if (when === 'off') return undefined;
  const ofDown = await readCard('relay.cards.down', down ?? plainCard);
  const ofFull = full === undefined ? ofDown : await readCard('relay.cards.full', full);
  return {
    when,
    afterMs: after,
    play: (reason, nowMs) => playCard(reason === 'full' ? ofFull : ofDown, nowMs),
  };
}

/** Begins a card now. It never runs faster than the clock. */
export function playCard(clip: Clip, nowMs: number): CardPlay {
  const loop = createLoop(clip);
  let lastMs = nowMs;
  let playedMs = 0;
  return {
    point: loop.point,
    read(atMs) {
      playedMs += Math.min(mostBehindMs, Math.max(0, atMs - lastMs));
      lastMs = atMs;
      return loop.read((playedMs * ticksPerSecond) / 1000);
    },
  };
}

async function readCard(key: string, file: string): Promise<Clip> {
  const wrong = (problem: string, cause?: unknown) => new Error(`${key}: ${file} ${problem}`, { cause });
  let bytes: Buffer | undefined;
  try {
    bytes = await readRegularFile(file);
  } catch (error) {
    throw wrong(`cannot be read: ${errorText(error)}`, error);
  }
  if (bytes === undefined) throw wrong(`is no file of at most ${mostCardBytes / 1024 / 1024} MB`);
  const { clip, problem } = readClip(bytes);
  if (clip === undefined) throw wrong(problem);
  return clip;
}

/** Undefined for what is no regular file, or too long. */
async function readRegularFile(file: string): Promise<Buffer | undefined> {
  const found = await stat(file);
  return found.isFile() && found.size <= mostCardBytes ? readFile(file) : undefined;
}
