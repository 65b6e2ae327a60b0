import { type Trigger, triggers } from './provider';

/** What is fetched of an HLS source. */
export const fetchedKinds = ['playlist', 'segment', 'init', 'key'] as const;
export type FetchedKind = (typeof fetchedKinds)[number];

/** Plain numbers of all channels together, read by the metrics. */
export interface ChannelStats {
  readonly fetches: Readonly<Record<FetchedKind, Record<'ok' | Trigger, number>>>;
  /** Times that a channel had nothing new for so long that its players ran dry. */
  underruns: number;
  /** Segments that no source had. */
  missingSegments: number;
}

export function createChannelStats(): ChannelStats {
  const none = (): Record<'ok' | Trigger, number> => {
    const counts = Object.fromEntries(triggers.map((trigger) => [trigger, 0])) as Record<Trigger, number>;
    return { ok: 0, ...counts };
  };
  return {
    fetches: { playlist: none(), segment: none(), init: none(), key: none() },
    underruns: 0,
    missingSegments: 0,
  };
}
