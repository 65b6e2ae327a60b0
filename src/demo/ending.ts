import type { Child } from './child';

/** The end of a demo before its time: a child that died, or a person who wants it. */
export interface Ending {
  /** Rejects with the first reason; pends until then. Nobody has to listen to it. */
  readonly reason: Promise<never>;
  /** From now on the death of this child is a reason. */
  watch(child: Child): void;
  readonly because: (reason: unknown) => void;
}

export function createEnding(): Ending {
  let because: (reason: unknown) => void = () => undefined;
  const reason = new Promise<never>((_, reject) => {
    because = reject;
  });
  reason.catch(() => undefined);
  return { reason, because, watch: (child) => void child.died.catch(because) };
}
