import type { RuntimeClient, RuntimeError, RuntimeResult } from '../../src/runtime';
import { createRuntimeClientStats } from '../../src/runtime/client';
import { commandLine } from '../../src/runtime/command';

/** A client whose replies a test makes up, command by command: the text without its last empty line (`''` for nothing to say), or an error. */
export function fakeRuntimeClient(answer: (command: string, payload: readonly string[]) => string | RuntimeError): {
  readonly client: RuntimeClient;
  /** Every command that was sent, without its payload. */
  readonly asked: string[];
} {
  const asked: string[] = [];
  const reply = async (words: readonly string[], payload: readonly string[] = []): Promise<RuntimeResult<string>> => {
    const line = commandLine(words);
    if (!line.ok) return line;
    asked.push(line.value);
    await new Promise(setImmediate);
    const text = answer(line.value, payload);
    return typeof text === 'string' ? { ok: true, value: text } : { ok: false, error: text };
  };
  const client: RuntimeClient = {
    name: '/run/admin.sock',
    stats: createRuntimeClientStats(),
    execute: (words, options) => reply(words, options?.payload),
    async executeLines(words, onLine) {
      const text = await reply(words);
      if (!text.ok) return text;
      for (const line of text.value.split('\n').slice(0, -1)) {
        const refused = onLine(line);
        if (refused !== undefined) return refused;
      }
      return { ok: true, value: undefined };
    },
  };
  return { client, asked };
}

/** A client that takes every command and answers none, until it is given up. */
export function hangingRuntimeClient(): RuntimeClient {
  const wait = (signal: AbortSignal | undefined): Promise<RuntimeResult<never>> =>
    new Promise((resolve) => {
      const giveUp = () => resolve({ ok: false, error: { reason: 'aborted', message: 'given up' } });
      signal?.addEventListener('abort', giveUp);
      if (signal?.aborted === true) giveUp();
    });
  return {
    name: '/run/admin.sock',
    stats: createRuntimeClientStats(),
    execute: (_, options) => wait(options?.signal),
    executeLines: (_, __, options) => wait(options?.signal),
  };
}
