import type { DemoServerAddress } from './addresses';

/**
 * The configuration of one real MediaMTX of a demo: HLS, RTSP and the Control API on an address of its own, everything else off.
 *
 * @param version as `mediamtx --version` prints it: a key that a version does not know stops it from starting.
 */
export function mediamtxConfig({ hls, api, rtsp }: DemoServerAddress, version: string): string {
  return [
    'logLevel: warn',
    'api: yes',
    `apiAddress: ${api}`,
    'rtsp: yes',
    `rtspAddress: ${rtsp}`,
    'rtspTransports: [tcp]',
    'hls: yes',
    `hlsAddress: ${hls}`,
    'hlsVariant: fmp4',
    'hlsAlwaysRemux: yes',
    // Or a session belongs to HAProxy's address instead of the viewer's.
    'hlsTrustedProxies: [127.0.0.0/8]',
    'rtmp: no',
    'srt: no',
    'webrtc: no',
    ...(isAtLeast(version, 1, 20) ? ['moq: no'] : []),
    'paths:',
    '  all_others:',
    '',
  ].join('\n');
}

/** Whether a version such as `v1.20.1` is this one or newer. Development versions, which have no number, count as newest. */
function isAtLeast(version: string, major: number, minor: number): boolean {
  const match = /^v(\d+)\.(\d+)\./.exec(version);
  if (match === null) return true;
  const [theirMajor, theirMinor] = [Number(match[1]), Number(match[2])];
  return theirMajor > major || (theirMajor === major && theirMinor >= minor);
}
