/** Bytes written as hex; spaces and line breaks group them for the reader. */
export function hex(text: string): Buffer {
  const digits = text.replaceAll(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new Error(`Not hex: ${text}`);
  return Buffer.from(digits, 'hex');
}

/** `text` as hex, without a length. */
export function ascii(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}
