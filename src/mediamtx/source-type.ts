/**
 * Whether a path's source, by MediaMTX's word (APIPathSourceType), is one that the server's configuration names (`source: rtsp://…`) and
 * the server connects to or listens for by itself: what it has is a copy of something that is elsewhere, and other servers with the same
 * configuration have the same. Of all others somebody connects and publishes: `rtspSession`, `rtmpConn`, `srtConn`, `webRTCSession`, …
 *
 * Multicast and other UDP (`mpegtsSource`, `rtpSource`; `udpSource` before v1.14) count as copies: it is the same group for every server
 * that listens. A server's own camera (`rpiCameraSource`) is no copy of anything.
 */
export function isPulledSource(type: string | undefined): boolean {
  return type?.endsWith('Source') === true && type !== 'rpiCameraSource';
}
