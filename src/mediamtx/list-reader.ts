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
// {"items":[{ … }]}: an item is an object inside the list inside the answer.
const listDepth = 2;
const itemDepth = 3;

/**
 * Reads `{"pageCount":1,"items":[{…},{…}]}` as it arrives, item by item. A list of 1,000 paths is some 600 KB: parsed as one text it
 * costs several times that in memory, every second, for every server. Here an item is cut out by its braces, given to JSON.parse alone
 * and handed on at once; what is left, with a 0 for each item, is parsed at the end and shows whether the whole was sound.
 */
export function createListReader(onItem: (item: unknown) => void, maxItemBytes: number): ListReader {
  let frame = '';
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
    frame += '0';
    onItem(JSON.parse(text));
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
          if (depth === listDepth) {
            addToFrame(chunk, from, i);
            from = i;
            isInItems = byte === openBracket && /"items"\s*:\s*$/.test(frame);
          } else if (depth === itemDepth && isInItems && byte === openBrace) {
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
      const answer: unknown = JSON.parse(frame);
      if (typeof answer !== 'object' || answer === null || !('items' in answer) || !Array.isArray(answer.items)) {
        throw new SyntaxError('no "items" list in the answer');
      }
      return 'pageCount' in answer && typeof answer.pageCount === 'number' ? answer.pageCount : 1;
    },
  };
}
