/** One attribute of a tag, and where its value stands in the line, without quotes. */
export interface Attribute {
  readonly name: string;
  readonly value: string;
  readonly start: number;
  readonly end: number;
  readonly isQuoted: boolean;
}

/**
 * The attribute list of a tag (RFC 8216bis, 4.2), in one pass:
 *
 *   NAME=value,NAME="text, commas and all",…
 *
 * White space around names and values is passed over, as players do. A quote that is never closed lasts to the end of the line.
 * @param from where the list begins in the line.
 */
export function* attributesOf(line: string, from: number): Generator<Attribute> {
  let at = from;
  while (at < line.length) {
    const equals = line.indexOf('=', at);
    if (equals === -1) return;
    const before = line.slice(at, equals);
    // What has no value, up to a comma, is no attribute.
    const name = before.slice(before.lastIndexOf(',') + 1).trim();
    let start = equals + 1;
    while (line[start] === ' ' || line[start] === '\t') start++;
    if (line[start] === '"') {
      start++;
      const close = line.indexOf('"', start);
      const end = close === -1 ? line.length : close;
      yield { name, value: line.slice(start, end), start, end, isQuoted: true };
      const comma = line.indexOf(',', end + 1);
      at = comma === -1 ? line.length : comma + 1;
    } else {
      const comma = line.indexOf(',', start);
      let end = comma === -1 ? line.length : comma;
      at = end + 1;
      while (end > start && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--;
      yield { name, value: line.slice(start, end), start, end, isQuoted: false };
    }
  }
}
