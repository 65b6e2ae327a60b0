import { randomBytes } from 'node:crypto';

// Crockford's base 32, whose characters ascend in ASCII: ids compare as texts.
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const timeLength = 10;
const randomLength = 16;
const maxTimeMs = 2 ** 48 - 1;
const beforeAll = '0'.repeat(timeLength + randomLength);

/** Makes ids in the form of ULIDs: 10 characters of time, 16 of chance. Each is above all that were made or seen before, even when the clock goes back. */
export interface EventIds {
  /** @param timeMs when it happened, Unix time; the id is of that time unless a later one was made already. */
  next(timeMs: number): string;
  /** Ids from now on are above this one. A text that is no id is ignored. */
  see(id: string): void;
}

/** @param random gives bytes; an argument for tests. */
export function createEventIds(random: (count: number) => Uint8Array = randomBytes): EventIds {
  let last = '';
  return {
    next(timeMs) {
      const fresh = encodeTime(timeMs) + encodeRandom(random(randomLength));
      last = fresh.slice(0, timeLength) > last.slice(0, timeLength) ? fresh : increment(last);
      return last;
    },
    see(id) {
      if (isEventId(id) && id > last) last = id;
    },
  };
}

/** Of ids, as a regular expression without its ends. */
export const eventIdPattern = '[0-7][0-9A-HJKMNP-TV-Z]{25}';
const eventId = new RegExp(`^${eventIdPattern}$`);

export function isEventId(text: string): boolean {
  return eventId.test(text);
}

/** An id below every one of this time or later, and above those of earlier milliseconds: where to go on from a time. */
export function idBefore(timeMs: number): string {
  return timeMs <= 0 ? beforeAll : encodeTime(timeMs - 1) + 'Z'.repeat(randomLength);
}

function encodeTime(timeMs: number): string {
  let rest = Math.min(Math.max(Math.trunc(timeMs), 0), maxTimeMs);
  let text = '';
  for (let place = 0; place < timeLength; place++) {
    text = alphabet.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function encodeRandom(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += alphabet.charAt(byte % 32);
  return text;
}

/** The next text of the same length: as in adding one to a number. */
function increment(id: string): string {
  for (let place = id.length - 1; place >= 0; place--) {
    const digit = alphabet.indexOf(id.charAt(place));
    if (digit < 31) return id.slice(0, place) + alphabet.charAt(digit + 1) + '0'.repeat(id.length - 1 - place);
  }
  return id;
}
