import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SourceFailure } from './provider';
import { failureOf, stalledSource } from './provider-answer';
import { createSilence } from './silence';

/** How the copying of a body ended: the body did, whoever reads does not want more, or the source failed. */
export type CopyEnd = 'end' | 'enough' | SourceFailure;

export interface CopyOptions {
  /** For so long nothing came while somebody would have read it. */
  readonly stallTimeoutMs: number;
  /** Takes what came. `full` waits for the response's `drain`; `enough` ends it. */
  readonly take: (chunk: Buffer) => 'more' | 'full' | 'enough';
  readonly signal: AbortSignal;
}

/**
 * Reads a provider's body as fast as the client reads it. Nothing is kept here: while the response is full the body is paused, and the kernel lets the provider
 * wait. Closes neither; leaves no listener and no timer behind. An abort ends it as `enough`.
 */
export function copyBody(
  body: IncomingMessage,
  res: ServerResponse,
  { stallTimeoutMs, take, signal }: CopyOptions,
): Promise<CopyEnd> {
  return new Promise((resolve) => {
    const silence = createSilence(stallTimeoutMs, () => {
      if (!body.isPaused()) settle(stalledSource(stallTimeoutMs));
    });

    function onData(chunk: Buffer): void {
      const next = take(chunk);
      if (next === 'enough') {
        settle('enough');
        return;
      }
      if (next === 'full') body.pause();
      silence.heard();
    }
    function onDrain(): void {
      silence.heard();
      body.resume();
    }
    function onEnd(): void {
      settle(body.complete ? 'end' : failureOf('reset', 'The connection to the provider broke.'));
    }
    function onBroken(): void {
      settle(failureOf('reset', 'The connection to the provider broke.'));
    }
    function onAbort(): void {
      settle('enough');
    }

    function settle(end: CopyEnd): void {
      silence.stop();
      body.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
      res.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      body.pause();
      resolve(end);
    }

    if (signal.aborted) {
      settle('enough');
      return;
    }
    if (body.destroyed) {
      onBroken();
      return;
    }
    signal.addEventListener('abort', onAbort);
    res.on('drain', onDrain);
    body.on('end', onEnd).on('error', onBroken).on('close', onBroken).on('data', onData);
    body.resume();
  });
}
