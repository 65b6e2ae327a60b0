/** The two listeners of a stand-in, each of which can fail on its own. */
export const SIM_SIDES = ['api', 'hls'] as const;

/** Control API or HLS. */
export type SimSide = (typeof SIM_SIDES)[number];

/**
 * What goes wrong with every request to one listener, from now on, until it is cleared.
 * - `stall`: accepted, and not answered; answered as usual when the fault is cleared.
 * - `delay`: answered as usual after `delayMs`.
 * - `unauthorized`: 401 with MediaMTX's JSON, after `delayMs` (default 0).
 * - `garbage`: 200 with bytes that are no JSON, no playlist.
 * - `truncated`: the right answer, with the second half of its body missing, and a length that fits.
 * - `cut`: the right answer's headers and half its body, then the connection is closed.
 * - `status`: an empty response with that status.
 * - `refused`: nobody listens; open connections are closed.
 */
export type SimFault =
  | { readonly kind: 'stall' | 'garbage' | 'truncated' | 'cut' | 'refused' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'unauthorized'; readonly delayMs?: number }
  | { readonly kind: 'status'; readonly status: number };

/** All kinds of faults. */
export const SIM_FAULT_KINDS = [
  'stall',
  'delay',
  'unauthorized',
  'garbage',
  'truncated',
  'cut',
  'status',
  'refused',
] as const satisfies readonly SimFault['kind'][];
