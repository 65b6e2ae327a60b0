/** What stands around the items of a list, and the items that belong to it, in order. */
export interface ReadList<T> {
  readonly items: readonly T[];
  /** The answer's `pageCount`; 1 where it has none. */
  readonly pageCount: number;
}

export interface ListReader<T> {
  /** @throws SyntaxError when an item is no JSON, RangeError when it is longer than allowed. */
  push(chunk: Buffer): void;
  /** @throws SyntaxError when the whole was no JSON object with a list `items`. */
  end(): ReadList<T>;
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
// {"items":[{ … }]}: an item is an object inside a list inside the answer.
const itemDepth = 3;

/**
 * Reads `{"pageCount":1,"items":[{…},{…}]}` as it arrives, item by item. A list of 1,000 paths is some 600 KB: parsed as one text it
 * costs several times that in memory, every second, for every server. Here an item is cut out by its braces and given to JSON.parse
 * alone; what is left, with each item replaced by its number, is parsed at the end and says which items were in `items`.
 */
export function createListReader<T>(readItem: (item: unknown) => T, maxItemBytes: number): ListReader<T> {
  const items: T[] = [];
  const frame: string[] = [];
  let frameBytes = 0;
  let carried: Buffer[] = [];
  let carriedBytes = 0;
  let depth = 0;
  let isInItem = false;
  let isInString = false;
  let isEscaped = false;

  function addToFrame(chunk: Buffer, from: number, to: number): void {
    frameBytes += to - from;
    if (frameBytes > maxItemBytes) throw new RangeError(`more than ${maxItemBytes} bytes around the items`);
    if (to > from) frame.push(chunk.toString('latin1', from, to));
  }

  function carry(chunk: Buffer, from: number, to: number): void {
    carriedBytes += to - from;
    if (carriedBytes > maxItemBytes) throw new RangeError(`an item of more than ${maxItemBytes} bytes`);
    carried.push(chunk.subarray(from, to));
  }

  function finishItem(chunk: Buffer, from: number, to: number): void {
    let text: string;
    if (carried.length === 0) text = chunk.toString('utf8', from, to);
    else {
      carry(chunk, from, to);
      text = Buffer.concat(carried, carriedBytes).toString('utf8');
      carried = [];
      carriedBytes = 0;
    }
    // A bare number cannot run into its neighbours: between two items there is a comma.
    frame.push(String(items.length));
    items.push(readItem(JSON.parse(text)));
  }

  return {
    push(chunk) {
      // Where the part of this chunk begins that is not taken yet: inside an item, or around the items.
      let from = 0;
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i];
        if (isInString) {
          if (isEscaped) isEscaped = false;
          else if (byte === backslash) isEscaped = true;
          else if (byte === quote) isInString = false;
        } else if (byte === quote) isInString = true;
        else if (byte === openBrace || byte === openBracket) {
          depth++;
          if (depth === itemDepth && byte === openBrace) {
            addToFrame(chunk, from, i);
            from = i;
            isInItem = true;
          }
        } else if (byte === closeBrace || byte === closeBracket) {
          if (depth === itemDepth && isInItem) {
            finishItem(chunk, from, i + 1);
            from = i + 1;
            isInItem = false;
          }
          depth--;
        }
      }
      if (isInItem) carry(chunk, from, chunk.length);
      else addToFrame(chunk, from, chunk.length);
    },
    end() {
      const answer: unknown = JSON.parse(frame.join(''));
      if (typeof answer !== 'object' || answer === null || !('items' in answer) || !Array.isArray(answer.items)) {
        throw new SyntaxError('no "items" list in the answer');
      }
      const belonging = answer.items.map((number: unknown) => {
        const item = typeof number === 'number' ? items[number] : undefined;
        return item ?? readItem(number);
      });
      const pageCount = 'pageCount' in answer && typeof answer.pageCount === 'number' ? answer.pageCount : 1;
      return { items: belonging, pageCount };
    },
  };
}
