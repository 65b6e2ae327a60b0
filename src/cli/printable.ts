/**
 * What a terminal would act upon instead of showing it: C0 and C1 control characters, DEL, and Unicode's invisible and direction-turning
 * characters.
 */
const unprintable = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/gu;

/** Text from outside, to be shown on a terminal: what is not printable becomes `\u001b` and the like. Names come from viewers' URLs. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** As `printable`, but line ends stay. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** JSON in lines for programs, that is safe to look at too: the same escapes are valid inside its strings. */
export function printableJson(value: unknown): string {
  return printableLines(JSON.stringify(value, undefined, 2));
}
