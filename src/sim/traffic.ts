/** What a request to a stand-in was for, as its counters name it. */
export const SIM_ENDPOINTS = [
  'info',
  'paths/list',
  'paths/get',
  'hlsmuxers/list',
  'hlsmuxers/get',
  'hlssessions/list',
  'hlssessions/get',
  'hlssessions/kick',
  'config/global/get',
  'config/paths/list',
  'api/other',
  'master',
  'media',
  'init',
  'segment',
  'part',
  'page',
  'preflight',
  'hls/other',
] as const;

/** One of the names that requests are counted under. */
export type SimEndpoint = (typeof SIM_ENDPOINTS)[number];

/** Requests since the beginning, or since they were reset; those that a fault swallowed included. */
export type SimCounters = Readonly<Record<SimEndpoint, number>>;

/** A request to the HLS port. */
export interface SimRequest {
  /** When it came, milliseconds since 1970. */
  readonly atMs: number;
  readonly endpoint: SimEndpoint;
  readonly method: string;
  /** As it was sent, escapes and all. */
  readonly path: string;
  /** As it was sent, without the question mark. */
  readonly query: string;
  readonly xForwardedFor: string | undefined;
  /** The TCP peer. */
  readonly peer: string;
  /** Undefined while it has not been answered. */
  readonly status: number | undefined;
}

/** Counters and log of one server. They outlive its restarts. */
export interface Traffic {
  count(endpoint: SimEndpoint): void;
  /** Logs an HLS request; returns a function that notes its status. */
  log(request: Omit<SimRequest, 'status'>): (status: number) => void;
  counters(): SimCounters;
  requests(): readonly SimRequest[];
  reset(): void;
}

const noCounts = () =>
  Object.fromEntries(SIM_ENDPOINTS.map((endpoint) => [endpoint, 0])) as Record<SimEndpoint, number>;

/** Counters at zero, and a log that keeps the newest `logLimit` requests. */
export function createTraffic(logLimit: number): Traffic {
  let counts = noCounts();
  let log: (Omit<SimRequest, 'status'> & { status: number | undefined })[] = [];
  return {
    count: (endpoint) => {
      counts[endpoint]++;
    },
    log(request) {
      if (logLimit === 0) return () => undefined;
      const entry: Omit<SimRequest, 'status'> & { status: number | undefined } = { ...request, status: undefined };
      log.push(entry);
      // Cut now and then, not at each request.
      if (log.length >= 2 * logLimit) log = log.slice(-logLimit);
      return (status) => {
        entry.status = status;
      };
    },
    counters: () => ({ ...counts }),
    requests: () => log.slice(-logLimit),
    reset() {
      counts = noCounts();
      log = [];
    },
  };
}
