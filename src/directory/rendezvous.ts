/** 32-bit FNV-1a over UTF-16 code units: quick, and equal on every agent, so that two agents place alike. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Murmur3's finalizer: spreads the bits of two combined hashes. */
function mix(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A server as the hash sees it: `hash` is `hashText` of its name. */
export interface Candidate {
  readonly name: string;
  readonly hash: number;
}

/**
 * Weighted rendezvous hashing (highest random weight): of the candidates, the one that `key` belongs to.
 * When a candidate goes, only its own keys move. Ties go to the smaller name.
 *
 * @param weightOf a positive weight; a candidate of twice the weight gets twice the keys.
 */
export function pickByRendezvous<T extends Candidate>(
  keyHash: number,
  candidates: readonly T[],
  weightOf?: (candidate: T) => number,
): T | undefined {
  let best: T | undefined;
  let bestScore = -1;
  for (const candidate of candidates) {
    const draw = mix(keyHash ^ candidate.hash);
    const score = weightOf === undefined ? draw : -weightOf(candidate) / Math.log((draw + 0.5) / 0x1_0000_0000);
    if (score > bestScore || (score === bestScore && best !== undefined && candidate.name < best.name)) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}
