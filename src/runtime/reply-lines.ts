import { StringDecoder } from 'node:string_decoder';
import type { RuntimeResult } from './result';

/** Takes one line of a reply, without its newline. A failure stops the reading, and becomes the result of the command. */
export type LineSink = (line: string) => RuntimeResult<never> | undefined;

export interface ReplyLines {
  /** Takes bytes as they come. Gives what a sink refused, or 'line-too-long'. */
  push(chunk: Buffer): RuntimeResult<never> | 'line-too-long' | undefined;
  /** Whether everything up to the empty line that ends a reply was seen. */
  isWhole(): boolean;
}

const longestLine = 64 * 1024;

/**
 * Splits a reply into lines while it arrives, so that a long one is never held as a whole. The empty line at the end is not passed on;
 * empty lines before it are.
 */
export function createReplyLines(sink: LineSink): ReplyLines {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let emptyLines = 0;

  return {
    push(chunk) {
      const text = rest + decoder.write(chunk);
      let start = 0;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
        const line = text.slice(start, end);
        start = end + 1;
        if (line === '') {
          emptyLines += 1;
          continue;
        }
        for (; emptyLines > 0; emptyLines--) {
          const refused = sink('');
          if (refused !== undefined) return refused;
        }
        const refused = sink(line);
        if (refused !== undefined) return refused;
      }
      rest = text.slice(start);
      return rest.length > longestLine ? 'line-too-long' : undefined;
    },
    isWhole: () => rest === '' && emptyLines > 0,
  };
}
