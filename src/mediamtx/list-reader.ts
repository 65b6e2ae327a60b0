export interface ListReader {
  /** @throws SyntaxError when an item is no JSON, RangeError when something is longer or deeper than allowed. */
  push(chunk: Buffer): void;
  /**
   * @returns the answer's `pageCount`; 1 where it has none.
   * @throws SyntaxError when the whole was no JSON object with a list `items`.
   */
  end(): number;
}

export interface ListLimits {
  /** Of what surrounds the items. */
  readonly frameBytes: number;
  /** Of an item without its objects inside others. */
  readonly itemBytes: number;
  /** Of all such objects of an item, as they are kept: the type of each. */
  readonly membersBytes: number;
}

/**
 * What surrounds the items is some 40 bytes in every version; an item some 600, and a reader of it a hundred, of which its type is kept (14 bytes).
 * 18,000 readers of one stream keep their types, and 128,000 more are counted. Whatever fits in here is parsed in some milliseconds.
 */
const usualLimits: ListLimits = { frameBytes: 64 * 1024, itemBytes: 64 * 1024, membersBytes: 512 * 1024 };

// Once, not for each item: where globals are looked up slowly, as in the tests' sandbox, that is most of a small item's cost.
const { parse } = JSON;
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
const deepest = 64;
/** Most items fit in. */
const firstItemBytes = 4096;
/** Enough for a brace, a key `type` and its value, with white space between them. */
const headBytes = 64;
/** Enough for the key `items`, its colon and white space around it. */
const tailBytes = 64;
/** A comma and a space. */
const separatorBytes = 2;
/** A gap of at least this length between items is none of a list as servers write it, and is kept in the frame. */
const longestGap = 1024;

/**
 * Reads `{"pageCount":1,"items":[{…},{…}]}` as it arrives, item by item. A list of 1,000 paths is some 600 KB: parsed as one text it
 * costs several times that in memory, every second, for every server. Here an item is cut out by its braces, given to JSON.parse alone
 * and handed on at once; what is left, with a 0 for the first of items side by side, is parsed at the end and shows whether the whole was sound.
 *
 * In an item, objects and lists inside others (each reader, each track's properties) are their `type` where they begin with one (a word of
 * letters), else 0: nobody asks for more, and a stream with ten thousand readers would cost more than the rest of the list.
 *
 * Its work is proportional to the bytes, whatever they are, and what it keeps is bounded: the answer may be anybody's.
 */
export function createListReader(onItem: (item: unknown) => void, limits: ListLimits = usualLimits): ListReader {
  let frame = '';
  /** The end of the frame, by which a list called `items` is known. */
  let frameTail = '';
  /** What came after the last item, while its list goes on; undefined before the first item of a list. */
  let gap: string | undefined;
  /** The item so far. As bytes: as a text it would be a rope of as many pieces as it has readers. */
  let item = Buffer.allocUnsafe(firstItemBytes);
  let itemEnd = 0;
  /** Of the item, what stands for objects inside others, with their commas. */
  let membersBytes = 0;
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

  function addToFrame(text: string): void {
    if (frame.length + text.length > limits.frameBytes)
      throw new RangeError(`more than ${limits.frameBytes} bytes around the items`);
    frame += text;
    frameTail = text.length >= tailBytes ? text.slice(-tailBytes) : (frameTail + text).slice(-tailBytes);
  }

  /** Takes what stands around the items, of which commas between them are not kept. */
  function addAround(chunk: Buffer, from: number, to: number): void {
    if (to <= from) return;
    if (to - from > limits.frameBytes) throw new RangeError(`more than ${limits.frameBytes} bytes around the items`);
    const text = chunk.toString('latin1', from, to);
    if (gap === undefined) addToFrame(text);
    else if (gap.length + text.length < longestGap) gap += text;
    else endItems(text);
  }

  /** What comes next does not follow an item with a comma. */
  function endItems(text = ''): void {
    if (gap === undefined) return;
    const all = gap + text;
    gap = undefined;
    addToFrame(all);
  }

  function beginItem(): void {
    if (gap === ',' || (gap !== undefined && /^[ \t\r\n]*,[ \t\r\n]*$/.test(gap))) return;
    endItems();
    addToFrame('0');
  }

  function addToItem(chunk: Buffer, from: number, to: number): void {
    const bytes = to - from;
    if (bytes <= separatorBytes) {
      // Between two readers.
      countMember(bytes);
      reserve(bytes);
      for (let i = from; i < to; i++) item[itemEnd++] = chunk[i] ?? 0;
      return;
    }
    if (itemEnd - membersBytes + bytes > limits.itemBytes)
      throw new RangeError(`an item of more than ${limits.itemBytes} bytes`);
    reserve(bytes);
    itemEnd += chunk.copy(item, itemEnd, from, to);
  }

  function reserve(bytes: number): void {
    if (itemEnd + bytes <= item.length) return;
    const before = item;
    item = Buffer.allocUnsafe(Math.max(2 * before.length, itemEnd + bytes));
    before.copy(item, 0, 0, itemEnd);
  }

  function countMember(bytes: number): void {
    membersBytes += bytes;
    if (membersBytes > limits.membersBytes)
      throw new RangeError(`an item with more than ${limits.membersBytes} bytes of readers`);
  }

  function addMember(type: string): void {
    // When they are this many, that they are there is enough.
    const kept = membersBytes > limits.membersBytes / 2 ? '0' : type;
    countMember(kept.length);
    reserve(kept.length);
    itemEnd += item.write(kept, itemEnd, 'latin1');
  }

  function finishItem(): void {
    const text = item.toString('utf8', 0, itemEnd);
    itemEnd = 0;
    membersBytes = 0;
    gap = '';
    onItem(parse(text));
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
          if (level > deepest) throw new RangeError(`more than ${deepest} levels`);
          if (level === listDepth) {
            addAround(chunk, from, i);
            endItems();
            from = i;
            isInItems = byte === openBracket && /"items"\s*:\s*$/.test(frameTail);
          } else if (level === itemDepth && isInItems && byte === openBrace) {
            addAround(chunk, from, i);
            beginItem();
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
            addMember(typeOfCut(chunk, cutFrom, i));
            cutHead = '';
            from = i + 1;
          }
          level--;
        }
        i++;
      }
      depth = level;
      isInString = inString;
      if (!isInItem) addAround(chunk, from, length);
      else if (level < cutDepth) addToItem(chunk, from, length);
      else cutHead = headOf(chunk, cutFrom, length);
    },
    end() {
      endItems();
      const answer: unknown = parse(frame);
      if (typeof answer !== 'object' || answer === null || !('items' in answer) || !Array.isArray(answer.items)) {
        throw new SyntaxError('no "items" list in the answer');
      }
      return 'pageCount' in answer && typeof answer.pageCount === 'number' ? answer.pageCount : 1;
    },
  };
}
