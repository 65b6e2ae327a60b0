/**
 * A URL, or undefined where the text is none.
 *
 * Not by `URL.canParse`: once Node 20 has compiled a function that was called often, it takes letters such as `ß` and `é` for broken bytes, and says no to URLs
 * to which it said yes before.
 */
export function parsedUrl(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
