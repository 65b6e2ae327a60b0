/** What one server has to do. */
export interface ServerLoad {
  readonly name: string;
  /** Its weight in haproxy.cfg: how much it can take, compared with the others. 0: it gets no share. */
  readonly configuredWeight: number;
  /** Undefined: nobody knows what it has to do; it keeps its weight, and its part is left out of what the others share. */
  readonly readers: number | undefined;
  /** Bytes that it sent to readers, counted from whenever. */
  readonly bytesSent: number;
  /** The weight that it was given by load and still has; undefined where it has another one. Counts while nothing is remembered of it. */
  readonly presentWeight?: number | undefined;
}

interface WeightMemory {
  /** Undefined while nobody knows. */
  readonly bytesSent: number | undefined;
  readonly bytesPerSecond: number;
  readonly weight: number;
  readonly changedMs: number;
}

/** What is remembered between two rounds, by server. */
export interface LoadMemory {
  readonly atMs: number;
  readonly servers: ReadonlyMap<string, WeightMemory>;
}

/** Weight of an average server with the largest configured weight; half of HAProxy's greatest (256), so that idle ones can have twice as much. */
const averageWeight = 128;
const leastFactor = 0.25;
const greatestFactor = 2;
/** A load that an average server is taken to have besides: a handful of readers more or less must not move a fleet that is nearly idle. */
const backgroundReaders = 10;
const backgroundBytesPerSecond = 2_000_000;
/** Hysteresis: a weight is changed when it is off by more than this part of itself, and not more often than that. */
const leastChange = 0.2;
const restMs = 15_000;
/** The rate of bytes follows what is measured with this time constant. */
const smoothingMs = 10_000;

/**
 * Weights that follow load: readers and outbound bytes count the same, in proportion to what a server can take. Twice the average load halves
 * nothing at once: the factor falls from 2 (idle) over 1 (average) to 1/4, so a weight is never 0 and the traffic of one server cannot flip to another.
 * Pure; servers that are gone are forgotten.
 */
export function loadWeights(
  memory: LoadMemory | undefined,
  loads: readonly ServerLoad[],
  nowMs: number,
): { readonly weights: ReadonlyMap<string, number>; readonly memory: LoadMemory } {
  const withShare = loads.filter(({ configuredWeight }) => configuredWeight > 0);
  const sharing = withShare.flatMap((load) => (load.readers === undefined ? [] : [{ ...load, readers: load.readers }]));
  const greatest = Math.max(1, ...withShare.map(({ configuredWeight }) => configuredWeight));
  const capacity = sharing.reduce((sum, { configuredWeight }) => sum + configuredWeight, 0);
  const rates = new Map(sharing.map((load) => [load.name, bytesPerSecond(memory, load, nowMs)]));
  const allReaders = sharing.reduce((sum, { readers }) => sum + readers, backgroundReaders * sharing.length);
  const allBytes = [...rates.values()].reduce((sum, rate) => sum + rate, backgroundBytesPerSecond * sharing.length);

  const resting = withShare
    .filter(({ readers }) => readers === undefined)
    .map((load): [string, WeightMemory] => {
      const before = remembered(memory, load, nowMs);
      const weight = before?.weight ?? weightFor(1, load, greatest);
      const rate = before?.bytesPerSecond ?? 0;
      return [load.name, { bytesSent: undefined, bytesPerSecond: rate, weight, changedMs: before?.changedMs ?? nowMs }];
    });
  const moving = sharing.map((load): [string, WeightMemory] => {
    const { name, configuredWeight, readers, bytesSent } = load;
    const rate = rates.get(name) ?? 0;
    const fairPart = configuredWeight / capacity;
    const background = fairPart * sharing.length;
    const part =
      ((readers + backgroundReaders * background) / allReaders +
        (rate + backgroundBytesPerSecond * background) / allBytes) /
      2;
    const factor = clamp(2 - part / fairPart, leastFactor, greatestFactor);
    const target = weightFor(factor, load, greatest);
    const before = remembered(memory, load, nowMs);
    const keeps = before !== undefined && !isWorthIt(before, target, nowMs);
    const weight = keeps ? before.weight : target;
    return [name, { bytesSent, bytesPerSecond: rate, weight, changedMs: keeps ? before.changedMs : nowMs }];
  });
  const servers = new Map([...moving, ...resting]);
  const weights = [...servers].map(([name, { weight }]) => [name, weight] as const);
  return { weights: new Map(weights), memory: { atMs: nowMs, servers } };
}

function weightFor(factor: number, { configuredWeight }: ServerLoad, greatest: number): number {
  return clamp(Math.round(averageWeight * factor * (configuredWeight / greatest)), 1, 256);
}

/** What is remembered of a server; else what it shows to have had from an earlier life of the agent, as if that had been given it now. */
function remembered(
  memory: LoadMemory | undefined,
  { name, bytesSent, presentWeight }: ServerLoad,
  nowMs: number,
): WeightMemory | undefined {
  const before = memory?.servers.get(name);
  if (before !== undefined || presentWeight === undefined) return before;
  return { bytesSent, bytesPerSecond: 0, weight: presentWeight, changedMs: nowMs };
}

function bytesPerSecond(memory: LoadMemory | undefined, { name, bytesSent }: ServerLoad, nowMs: number): number {
  const before = memory?.servers.get(name);
  const tookMs = memory === undefined ? 0 : nowMs - memory.atMs;
  if (before === undefined || tookMs <= 0) return before?.bytesPerSecond ?? 0;
  // Counters begin anew with their streams: a sum that fell says nothing.
  if (before.bytesSent === undefined || bytesSent < before.bytesSent) return before.bytesPerSecond;
  const measured = ((bytesSent - before.bytesSent) / tookMs) * 1000;
  return before.bytesPerSecond + (measured - before.bytesPerSecond) * (1 - Math.exp(-tookMs / smoothingMs));
}

function isWorthIt(before: WeightMemory, target: number, nowMs: number): boolean {
  return nowMs - before.changedMs >= restMs && Math.abs(target - before.weight) > before.weight * leastChange;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
