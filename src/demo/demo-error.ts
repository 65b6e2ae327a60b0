/** Something that a person can put right, or must know, told in words that need no stack trace. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}
