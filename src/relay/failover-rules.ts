// What live streams and channels have in common when a source fails.

/** A source that has given bytes for so long works: what failed before counts no more. */
export const provenMs = 10_000;
/** A viewer who waits for the first picture waits no longer for a source that has just failed. */
export const startPauseMs = 1000;
/** A resolver that has not answered by then answers late: the list is gone on with. */
export const resolverFirstMs = 1000;
/** A resolver may name one dead source after the other: a viewer who waits for the first picture does not wait for more than this. */
export const mostStartTries = 10;
