export interface ListReader {
  /** @throws SyntaxError when an item is no JSON, RangeError when it is longer than allowed. */
  push(chunk: Buffer): void;
  /**
   * @returns the answer's `pageCount`; 1 where it has none.
   * @throws SyntaxError when the whole was no JSON object with a list `items`.
   */
  end(): number;
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const letterT = 0x74;
// {"items":[{"readers":[{ … }]}]}: an item is an object inside the list inside the answer; what is two levels deeper is not looked at.
const listDepth = 2;
const itemDepth = 3;
const cutDepth = 5;
/** Enough for a brace, a key `type` and its value, with white space between them. */
const headBytes = 64;

/**
 * Reads `{"pageCount":1,"items":[{…},{…}]}` as it arrives, item by item. A list of 1,000 paths is some 600 KB: parsed as one text it
 * costs several times that in memory, every second, for every server. Here an item is cut out by its braces, given to JSON.parse alone
 * and handed on at once; what is left, with a 0 for each item, is parsed at the end and shows whether the whole was sound.
 *
 * In an item, objects and lists inside others (each reader, each track's properties) are their `type` where they begin with one (a word of
 * letters), else 0: nobody asks for more, and a stream with ten thousand readers would cost more than the rest of the list.
 */
export function createListReader(onItem: (item: unknown) => void, maxItemBytes: number): ListReader {
  let frame = '';
  /** The item so far: text that is complete, then bytes of earlier chunks, which may end within a character. */
  let itemText = '';
  let carried: Buffer[] = [];
  let carriedBytes = 0;
  /** The beginning of what is being left out, if an earlier chunk had it. */
  let cutHead = '';
  /** The last type that was found, and the bytes up to its end. */
  let lastType = '0';
  let lastHead = Buffer.of(closeBrace);
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  let isInItems = false;
  let isInItem = false;

  function addToFrame(chunk: Buffer, from: number, to: number): void {
    if (frame.length + to - from > maxItemBytes)
      throw new RangeError(`more than ${maxItemBytes} bytes around the items`);
    if (to > from) frame += chunk.toString('latin1', from, to);
  }

  function carry(chunk: Buffer, from: number, to: number): void {
    carriedBytes += to - from;
    checkItemLength(carriedBytes);
    carried.push(chunk.subarray(from, to));
  }

  function checkItemLength(bytes: number): void {
    if (itemText.length + bytes > maxItemBytes) throw new RangeError(`an item of more than ${maxItemBytes} bytes`);
  }

  function addToItem(chunk: Buffer, from: number, to: number): void {
    if (carried.length === 0) {
      checkItemLength(to - from);
      // Between two readers.
      itemText += to - from === 1 ? String.fromCharCode(chunk[from] ?? 0) : chunk.toString('utf8', from, to);
      return;
    }
    carry(chunk, from, to);
    itemText += Buffer.concat(carried, carriedBytes).toString('utf8');
    carried = [];
    carriedBytes = 0;
  }

  function finishItem(): void {
    const text = itemText;
    itemText = '';
    frame += '0';
    onItem(JSON.parse(text));
  }

  function headOf(chunk: Buffer, cutFrom: number, to: number): string {
    return cutHead + chunk.toString('latin1', cutFrom, Math.min(to, cutFrom + headBytes - cutHead.length));
  }

  /** As JSON: the value of the key `type` at the beginning of what ends at `to`, or 0. */
  function typeOfCut(chunk: Buffer, cutFrom: number, to: number): string {
    if (cutHead === '') {
      // Most of what is left out is no reader, which its third byte tells; and readers mostly are of the type of the one before.
      if (chunk[cutFrom + 1] === quote && chunk[cutFrom + 2] !== letterT) return '0';
      let same = 0;
      while (same < lastHead.length && chunk[cutFrom + same] === lastHead[same]) same++;
      if (same === lastHead.length) return lastType;
    }
    const [head, type] = /^\{\s*"type"\s*:\s*("[A-Za-z]{1,32}")/.exec(headOf(chunk, cutFrom, to)) ?? [];
    if (head === undefined || type === undefined) return '0';
    lastHead = Buffer.from(head);
    lastType = type;
    return type;
  }

  return {
    push(chunk) {
      const { length } = chunk;
      if (length === 0) return;
      // Plain variables while the bytes are looked at: twice as quick as those of the closure.
      let level = depth;
      let inString = isInString;
      let i = isEscaped ? 1 : 0;
      isEscaped = false;
      // Where the part of this chunk begins that is not taken yet: inside an item, or around the items.
      let from = 0;
      // Where that begins which is left out.
      let cutFrom = 0;
      while (i < length) {
        if (inString) {
          let byte: number | undefined;
          while (i < length && (byte = chunk[i]) !== quote && byte !== backslash) i++;
          if (i === length) break;
          if (byte === quote) inString = false;
          else if (++i === length) isEscaped = true;
          i++;
          continue;
        }
        const byte = chunk[i];
        if (byte === quote) inString = true;
        else if (byte === openBrace || byte === openBracket) {
          level++;
          if (level === listDepth) {
            addToFrame(chunk, from, i);
            from = i;
            isInItems = byte === openBracket && /"items"\s*:\s*$/.test(frame);
          } else if (level === itemDepth && isInItems && byte === openBrace) {
            addToFrame(chunk, from, i);
            from = i;
            isInItem = true;
          } else if (level === cutDepth && isInItem) {
            addToItem(chunk, from, i);
            cutFrom = i;
          }
        } else if (byte === closeBrace || byte === closeBracket) {
          if (level === itemDepth && isInItem) {
            addToItem(chunk, from, i + 1);
            finishItem();
            from = i + 1;
            isInItem = false;
          } else if (level === cutDepth && isInItem) {
            itemText += typeOfCut(chunk, cutFrom, i);
            cutHead = '';
            from = i + 1;
          }
          level--;
        }
        i++;
      }
      depth = level;
      isInString = inString;
      if (!isInItem) addToFrame(chunk, from, length);
      else if (level < cutDepth) carry(chunk, from, length);
      else cutHead = headOf(chunk, cutFrom, length);
    },
    end() {
      const answer: unknown = JSON.parse(frame);
      if (typeof answer !== 'object' || answer === null || !('items' in answer) || !Array.isArray(answer.items)) {
        throw new SyntaxError('no "items" list in the answer');
      }
      return 'pageCount' in answer && typeof answer.pageCount === 'number' ? answer.pageCount : 1;
    },
  };
}
