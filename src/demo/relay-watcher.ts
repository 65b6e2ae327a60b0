import { type IncomingMessage, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { createContinuityCheck } from '../mpegts';

/** What a player of the relayed stream has got. */
export interface WatcherFigures {
  /** How often it asked for the stream: once, unless its connection broke. */
  readonly requests: number;
  /** Answers other than 200, and connections that broke or ended. */
  readonly failed: number;
  readonly bytes: number;
  /** Seams that a decoder would notice: packets that are missing, times that leap. */
  readonly errors: number;
  /** The newest of them, in words. */
  readonly lastError: string | undefined;
}

/** A player of the relayed stream without a picture: it reads every byte and looks whether they are one stream. */
export interface RelayWatcher {
  figures(): WatcherFigures;
  stop(): Promise<void>;
}

const retryMs = 1000;

/** Plays the stream at the URL until it is stopped; when its connection breaks, again. */
export function watchRelay(url: string): RelayWatcher {
  let check = createContinuityCheck();
  let earlierErrors = 0;
  let requests = 0;
  let failed = 0;
  let bytes = 0;
  const stopping = new AbortController();
  const { signal } = stopping;

  async function play(): Promise<void> {
    requests++;
    earlierErrors += check.errors;
    check = createContinuityCheck();
    const response = await ask(url, signal);
    if (response.statusCode !== 200) {
      response.destroy();
      return;
    }
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      check.write(chunk);
    }
  }

  const isStopped = (): boolean => signal.aborted;
  const playing = (async () => {
    for (;;) {
      // However it ended, a live stream should not have.
      await play().catch(() => undefined);
      if (isStopped()) return;
      failed++;
      await pause(retryMs, undefined, { signal }).catch(() => undefined);
      if (isStopped()) return;
    }
  })();
  return {
    figures: () => ({ requests, failed, bytes, errors: earlierErrors + check.errors, lastError: check.lastError }),
    async stop() {
      stopping.abort();
      await playing;
    },
  };
}

function ask(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent: false, signal }, resolve);
    asked.once('error', reject);
    asked.end();
  });
}
