/**
 * Takes note of operations that ended: of `count` that took `tookMs` milliseconds each (many answers of one read share one measurement), of which
 * `failed` failed. It costs some nanoseconds and makes no garbage, so that a hot path can call it. Components get one and know no more about it.
 */
export type RecordTime = (tookMs: number, count: number, failed: number) => void;

/** For a component that nobody measures. */
export const recordNothing: RecordTime = () => undefined;
