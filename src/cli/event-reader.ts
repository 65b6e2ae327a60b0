/** One event of a stream: its `data`, and the `id` with which to go on after it. */
export interface StreamedText {
  readonly id: string | undefined;
  readonly data: string;
}

const maxLineLength = 1024 * 1024;

/**
 * Makes a reader of Server-Sent Events (the part of WHATWG HTML that our streams use: `id`, `data`, comments). It takes text in any
 * pieces and gives the events that are complete.
 *
 * @throws RangeError when an event is longer than 1 MB.
 */
export function createEventReader(): (text: string) => StreamedText[] {
  let rest = '';
  let id: string | undefined;
  let data: string[] = [];

  function read(line: string, found: StreamedText[]): void {
    if (line === '') {
      if (data.length > 0) found.push({ id, data: data.join('\n') });
      data = [];
      return;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    if (field === 'id') id = value;
  }

  return (text) => {
    const lines = (rest + text).split(/\r\n|\n/);
    rest = lines.pop() ?? '';
    if (rest.length > maxLineLength || data.length > 1000) throw new RangeError('an event that is too long');
    const found: StreamedText[] = [];
    for (const line of lines) read(line, found);
    return found;
  };
}
