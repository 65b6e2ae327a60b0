import { mediaLibrary } from './media-library';

/**
 * The clip as an endless transport stream: each call gives a second of it, by its place from 0 on. Each begins with the tables and a keyframe, and its
 * clocks and counters follow those of the one before.
 */
export function createLiveSegments(): (index: number) => Buffer {
  const library = mediaLibrary();
  return (index) => Buffer.concat(library.segment('mpegts', 'main', index));
}
