/** What a server is: a MediaMTX, or a relay (`mtxpilot relay`), which says what it has in MediaMTX's own words. */
export const serverKinds = ['mediamtx', 'relay'] as const;
export type ServerKind = (typeof serverKinds)[number];

/** The id that a relay makes of a stream's URL; its name here. */
const relayId = /^[0-9a-f]{32}$/;
/** So many characters of an id stand for the account at the provider. */
const accountLength = 8;

/** Whether a server of that kind can have a stream of that name at all: a relay has ids only. */
export function canHold(kind: ServerKind, stream: string): boolean {
  return kind !== 'relay' || relayId.test(stream);
}

/** What a relay's stream is placed by: all streams of an account go to one relay, which counts the account's connections. */
export function accountOf(stream: string): string {
  return stream.slice(0, accountLength);
}
