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
// {"items":[{"readers":[{ … }]}]}: an item is an object inside the list inside the answer; what is two levels deeper is not looked at.
const listDepth = 2;
const itemDepth = 3;
const cutDepth = 5;

/** 1 for the bytes that mean something outside strings. */
const isSign = new Uint8Array(256);
for (const byte of [quote, openBrace, closeBrace, openBracket, closeBracket]) isSign[byte] = 1;

/**
 * Reads `{"pageCount":1,"items":[{…},{…}]}` as it arrives, item by item. A list of 1,000 paths is some 600 KB: parsed as one text it
 * costs several times that in memory, every second, for every server. Here an item is cut out by its braces, given to JSON.parse alone
 * and handed on at once; what is left, with a 0 for each item, is parsed at the end and shows whether the whole was sound.
 *
 * In an item, objects and lists inside others (each reader, each track's properties) are 0 too: nobody asks for more than their number,
 * and a stream with ten thousand readers would cost more than the rest of the list.
 */
export function createListReader(onItem: (item: unknown) => void, maxItemBytes: number): ListReader {
  let frame = '';
  /** The item so far: text that is complete, then bytes of earlier chunks, which may end within a character. */
  let itemText = '';
  let carried: Buffer[] = [];
  let carriedBytes = 0;
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

  /** @returns where the string ends that `at` is in: after its quote, or with the chunk. */
  function skipString(chunk: Buffer, at: number): number {
    let i = at;
    if (isEscaped) {
      isEscaped = false;
      i++;
    }
    for (; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === quote) {
        isInString = false;
        return i + 1;
      }
      if (byte === backslash && ++i === chunk.length) isEscaped = true;
    }
    return chunk.length;
  }

  return {
    push(chunk) {
      // Where the part of this chunk begins that is not taken yet: inside an item, or around the items.
      let from = 0;
      for (let i = 0; i < chunk.length; ) {
        if (isInString) {
          i = skipString(chunk, i);
          continue;
        }
        const byte = chunk[i] ?? 0;
        if (isSign[byte] === 0) {
          i++;
          continue;
        }
        if (byte === quote) isInString = true;
        else if (byte === openBrace || byte === openBracket) {
          depth++;
          if (depth === listDepth) {
            addToFrame(chunk, from, i);
            from = i;
            isInItems = byte === openBracket && /"items"\s*:\s*$/.test(frame);
          } else if (depth === itemDepth && isInItems && byte === openBrace) {
            addToFrame(chunk, from, i);
            from = i;
            isInItem = true;
          } else if (depth === cutDepth && isInItem) addToItem(chunk, from, i);
        } else {
          if (depth === itemDepth && isInItem) {
            addToItem(chunk, from, i + 1);
            finishItem();
            from = i + 1;
            isInItem = false;
          } else if (depth === cutDepth && isInItem) {
            itemText += '0';
            from = i + 1;
          }
          depth--;
        }
        i++;
      }
      if (!isInItem) addToFrame(chunk, from, chunk.length);
      else if (depth < cutDepth) carry(chunk, from, chunk.length);
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
