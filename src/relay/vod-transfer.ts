import { type Continuation, canContinue, type VodAnswer } from './vod-answer';

/** How far the body of one answer is, and which source is to be asked for it. Pure. */
export interface VodTransfer {
  /** The next source to ask; undefined when none is left. */
  next(): number | undefined;
  /** Asks this source next; it may be one more than there were. */
  prefer(source: number): void;
  /** The first byte of an answer has come. */
  begin(answer: VodAnswer): void;
  /** So many bytes of it have come. @returns false where they are more than the client was told; then they are not its. */
  take(length: number): boolean;
  /** The source that was read last has failed: what is left is to be asked for. */
  fail(): void;
  /** Whether this is the answer that is read. */
  isReading(answer: VodAnswer): boolean;
  /** Undefined until the first byte. */
  readonly continuation: Continuation | undefined;
  /** Whether all bytes that were told are there; false for a body of unknown length. */
  readonly isWhole: boolean;
}

/** A source that breaks again before it has sent so much has made no progress: it is not asked once more. */
const progressBytes = 64 * 1024;

/** @param sources how many there are. At first each is tried in order; after a break, the one that broke first and then each other, those that follow it first. */
export function createVodTransfer(sources: number): VodTransfer {
  let count = sources;
  let left = Array.from({ length: sources }, (_, index) => index);
  let told: VodAnswer | undefined;
  let last: VodAnswer | undefined;
  let position = 0;
  /** Where the list of sources was last filled; undefined before the first break. */
  let filledAt: number | undefined;
  let isWrong = false;

  return {
    next: () => left.shift(),
    prefer(source) {
      count = Math.max(count, source + 1);
      left = [source, ...left.filter((one) => one !== source)];
    },
    begin(answer) {
      if (told === undefined) {
        told = answer;
        position = answer.part.start;
      }
      last = answer;
    },
    take(length) {
      const end = told?.part.end;
      if (end !== undefined && position + length > end) {
        // What such a source says of its bytes is worth nothing, of those before as well.
        isWrong = true;
        return false;
      }
      position += length;
      return true;
    },
    fail() {
      if (told === undefined || last === undefined) return;
      if (isWrong || !canContinue(told)) {
        left = [];
        return;
      }
      if (filledAt !== undefined && position - filledAt < progressBytes) return;
      filledAt = position;
      const { source } = last;
      left = Array.from({ length: count }, (_, index) => (source + index) % count);
    },
    isReading: (answer) => answer === last,
    get continuation() {
      return told === undefined || last === undefined ? undefined : { told, last, position };
    },
    get isWhole() {
      return told !== undefined && position === told.part.end;
    },
  };
}
