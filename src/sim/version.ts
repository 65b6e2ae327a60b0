/** The two ways in which MediaMTX serves HLS: without sessions (to v1.17.1), and with them (from v1.18.0). */
export type SimProfile = 'pre-session' | 'session';

/** The version that stands for a profile. Others may be asked for by name. */
export const PROFILE_VERSIONS: Readonly<Record<SimProfile, string>> = {
  'pre-session': 'v1.17.1',
  session: 'v1.20.1',
};

/** What differs between MediaMTX versions, as far as players, HAProxy and the Control API's clients can see it. */
export interface VersionFeatures {
  readonly version: string;
  /** `GET /v3/info`. */
  readonly info: boolean;
  /** `"status":"error"` in JSON errors. */
  readonly errorStatus: boolean;
  /** Path items tell `available` and `online`. */
  readonly online: boolean;
  /** Path items tell `tracks2`, `inboundBytes`, `outboundBytes`, `inboundFramesInError`. */
  readonly tracks2: boolean;
  /** HLS sessions, their redirect and their secret. */
  readonly sessions: boolean;
  /** `hlsCDNSecret`. HLS sessions tell `userAgent` and `isCDN`. */
  readonly cdn: boolean;
  /** Status of the redirect from `/path` to `/path/`. */
  readonly slashRedirectStatus: 301 | 302;
  /** `Access-Control-Allow-Credentials: true` on every response. */
  readonly allowCredentials: boolean;
  /** `Access-Control-Allow-Origin` repeats the request's `Origin` (otherwise `*`). */
  readonly echoOrigin: boolean;
  /** Each cookie is also sent in a plain form, without attributes. */
  readonly plainCookies: boolean;
  /** `EXT-X-VERSION` of the master playlist of the fMP4 variants. */
  readonly masterVersion: 9 | 10;
  /** Shortest and longest wait before wrong credentials are refused, in milliseconds. */
  readonly wrongCredentialsDelayMs: readonly [number, number];
}

type Numbers = readonly [number, number, number];

function isAtLeast(version: Numbers, other: Numbers): boolean {
  for (const [index, number] of version.entries()) {
    const limit = other[index] ?? 0;
    if (number !== limit) return number > limit;
  }
  return true;
}

/**
 * The behaviour of a MediaMTX version, written like `v1.20.1`; v1.2.0 (the first with API v3) and newer.
 * v1.17.1, v1.18.0, v1.19.3 and v1.20.1 are checked against recordings; others follow the releases' notes.
 * Throws a RangeError on anything else.
 */
export function featuresOf(version: string): VersionFeatures {
  const match = /^v(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(version);
  const numbers: Numbers = [Number(match?.[1]), Number(match?.[2]), Number(match?.[3])];
  if (!match || !isAtLeast(numbers, [1, 2, 0])) {
    throw new RangeError(
      `MediaMTX version '${version}' given; allowed are versions from v1.2.0 on, written like v1.20.1`,
    );
  }
  const since = (major: number, minor: number, patch: number) => isAtLeast(numbers, [major, minor, patch]);
  return {
    version,
    info: since(1, 15, 2),
    errorStatus: since(1, 15, 5),
    online: since(1, 16, 0),
    tracks2: since(1, 17, 0),
    sessions: since(1, 18, 0),
    cdn: since(1, 18, 1),
    slashRedirectStatus: since(1, 18, 1) ? 302 : 301,
    allowCredentials: !since(1, 18, 1),
    echoOrigin: since(1, 18, 0) && !since(1, 18, 1),
    plainCookies: !since(1, 20, 1),
    masterVersion: since(1, 18, 1) ? 10 : 9,
    wrongCredentialsDelayMs: since(1, 18, 0) ? [0, 4000] : [2000, 2000],
  };
}
