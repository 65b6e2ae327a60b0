import type { MasterPlaylist } from '../hls';

/** What is read of a master playlist. */
export interface ChosenVariant {
  readonly uri: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly renditions: readonly ChosenRendition[];
}

/** EXT-X-MEDIA of a group that the variant names. */
export interface ChosenRendition {
  readonly type: string;
  /** Undefined where it is part of the variant itself. */
  readonly uri: string | undefined;
  readonly attributes: ReadonlyMap<string, string>;
}

/** Each is read as long as the channel is: languages that nobody needs cost as much as one that is heard. */
const mostRenditions = 8;
const groupsOf = ['AUDIO', 'SUBTITLES', 'CLOSED-CAPTIONS'] as const;

/**
 * Chooses the variant with the highest bandwidth that is not above the most, else the one with the lowest; and the renditions that belong to it.
 * @param mostBandwidth bits a second.
 */
export function chooseVariant(
  { variants, renditions }: MasterPlaylist,
  mostBandwidth: number,
): ChosenVariant | undefined {
  const byBandwidth = variants
    .map((variant) => ({ ...variant, bandwidth: bandwidthOf(variant.attributes) }))
    .sort((a, b) => b.bandwidth - a.bandwidth);
  const chosen = byBandwidth.find(({ bandwidth }) => bandwidth <= mostBandwidth) ?? byBandwidth.at(-1);
  if (chosen === undefined) return undefined;
  const { uri, attributes } = chosen;
  const its = renditions.filter(({ attributes: of }) => isInGroup(of, attributes));
  const chosenRenditions = its.slice(0, mostRenditions).map((rendition) => {
    const type = rendition.attributes.get('TYPE') ?? '';
    return { type, uri: type === 'CLOSED-CAPTIONS' ? undefined : rendition.uri, attributes: rendition.attributes };
  });
  return { uri, attributes, renditions: chosenRenditions };
}

/** The bandwidth that a variant needs, by its attributes; 0 where none is told. */
export function bandwidthOf(attributes: ReadonlyMap<string, string>): number {
  const told = attributes.get('BANDWIDTH') ?? '';
  return /^\d{1,15}$/.test(told) ? Number(told) : 0;
}

function isInGroup(rendition: ReadonlyMap<string, string>, variant: ReadonlyMap<string, string>): boolean {
  const type = groupsOf.find((one) => one === rendition.get('TYPE'));
  const group = rendition.get('GROUP-ID');
  return type !== undefined && group !== undefined && variant.get(type) === group;
}
