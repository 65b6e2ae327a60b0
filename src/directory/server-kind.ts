/** What a server is: a MediaMTX, or a relay (`mtxpilot relay`), which says what it has in MediaMTX's own words. */
export const serverKinds = ['mediamtx', 'relay'] as const;
export type ServerKind = (typeof serverKinds)[number];

/** So many characters of an id stand for the account at the provider. */
const accountLength = 8;

/** Whether it can be the id that a relay makes of a stream's URL, which is its name here. */
export function isRelayStreamId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** Whether a server of that kind can have a stream of that name at all: a relay has ids only. */
export function canHold(kind: ServerKind, stream: string): boolean {
  return kind !== 'relay' || isRelayStreamId(stream);
}

/** What a relay's stream is placed by: all streams of an account go to one relay, which counts the account's connections. */
export function accountOf(stream: string): string {
  return stream.slice(0, accountLength);
}
