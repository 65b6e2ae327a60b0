import type { z } from 'zod';
import { decimalKey, durationKey, numberKey } from './keys';

/** Bounds, both allowed, and default of a setting of HLS, in the unit in which its users give it. */
export interface HlsRange {
  readonly unit: 'segments' | 's' | 'target durations';
  readonly least: number;
  readonly most: number;
  readonly standard: number;
  /** The setting that it may not be above. */
  readonly mostOf?: 'maxSegments';
}

/** The settings of HLS by their names in `relay.hls`. */
export const hlsRanges = {
  maxSegments: { unit: 'segments', least: 5, most: 100, standard: 20 },
  initialSegments: { unit: 'segments', least: 1, most: 10, standard: 3, mostOf: 'maxSegments' },
  windowSize: { unit: 'segments', least: 3, most: 20, standard: 6, mostOf: 'maxSegments' },
  bufferReadyTimeout: { unit: 's', least: 5, most: 120, standard: 30 },
  firstSegmentTimeout: { unit: 's', least: 5, most: 120, standard: 30 },
  initialBufferSeconds: { unit: 's', least: 5, most: 60, standard: 10 },
  maxInitialSegments: { unit: 'segments', least: 1, most: 20, standard: 10, mostOf: 'maxSegments' },
  segmentFetchInterval: { unit: 'target durations', least: 0.1, most: 2, standard: 0.5 },
} as const satisfies Readonly<Record<string, HlsRange>>;
export type HlsSettingName = keyof typeof hlsRanges;
export const hlsSettingNames = Object.keys(hlsRanges) as readonly HlsSettingName[];

/** Which of them are durations: in ms wherever they are held, in seconds where their users give them. */
export const hlsDurations: readonly HlsSettingName[] = ['bufferReadyTimeout', 'firstSegmentTimeout'];

/** As scripts and environments for acestream-orchestrator know it: `maxSegments` → `hls_max_segments`. */
export function hlsUsersName(name: HlsSettingName): `hls_${string}` {
  return `hls_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
}

/** The keys of `relay.hls`. */
export const hlsKeys = {
  maxSegments: segmentsKey(
    'maxSegments',
    'Segments of a channel that are held in memory. More let players that fell behind go on; fewer take less memory. A running channel follows with its next segment.',
  ),
  initialSegments: segmentsKey(
    'initialSegments',
    'Segments that are there before a channel answers its first playlist. More start safer and later. Counts at once for players that are starting.',
  ),
  windowSize: segmentsKey(
    'windowSize',
    'Segments that a playlist lists: the newest ones. More give players room, and those that start at the beginning of the playlist more delay. Counts for the next playlist of a running channel.',
  ),
  bufferReadyTimeout: timeoutKey(
    'bufferReadyTimeout',
    'How long a request for a playlist waits for the first buffer of its channel, before it waits for one segment only. Counts for requests that come from then on.',
  ),
  firstSegmentTimeout: timeoutKey(
    'firstSegmentTimeout',
    'How long it then waits for one segment, before it is answered 503. Counts for requests that come from then on.',
  ),
  initialBufferSeconds: decimalKey(
    'Seconds of a stream that a channel fetches at its start, back from the live edge, unless that is more than `relay.hls.maxInitialSegments`. More bridge slower providers; fewer are nearer to live. Counts for the next start of a channel.',
    hlsRanges.initialBufferSeconds.least,
    hlsRanges.initialBufferSeconds.most,
  ).default(hlsRanges.initialBufferSeconds.standard),
  maxInitialSegments: segmentsKey(
    'maxInitialSegments',
    'Most segments that a channel fetches at its start. Counts for the next start of a channel.',
  ),
  segmentFetchInterval: decimalKey(
    "How often a provider's playlist is asked for, in parts of its target duration: `0.5` is twice for each segment. Less finds segments sooner; more asks the provider less often. A running channel follows with its next poll.",
    hlsRanges.segmentFetchInterval.least,
    hlsRanges.segmentFetchInterval.most,
  ).default(hlsRanges.segmentFetchInterval.standard),
} satisfies Readonly<Record<HlsSettingName, z.ZodType<number>>>;

function segmentsKey(name: HlsSettingName, description: string) {
  const { least, most, standard } = hlsRanges[name];
  return numberKey(description, least, most).default(standard);
}

function timeoutKey(name: HlsSettingName, description: string) {
  const { least, most, standard } = hlsRanges[name];
  return durationKey(description, least * 1000, most * 1000).default(standard * 1000);
}

/** Every pair of settings that contradict each other: the first is more than the second, which it may not be. */
export function hlsConflicts(
  values: Readonly<Record<HlsSettingName, number>>,
): readonly (readonly [name: HlsSettingName, limit: HlsSettingName])[] {
  return hlsSettingNames.flatMap((name) => {
    const { mostOf }: HlsRange = hlsRanges[name];
    return mostOf !== undefined && values[name] > values[mostOf] ? [[name, mostOf] as const] : [];
  });
}
