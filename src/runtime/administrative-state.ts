/**
 * Bits of `srv_admin_state` (management guide, "show servers state"; SRV_ADMF_* in HAProxy's source).
 * `configuredMaint` (0x04) is no state: it remembers that the configuration says `disabled`, and stays set after `set server … state ready`.
 * 0x40 is no state either: the host name was set over the Runtime API.
 */
const forcedMaint = 0x01;
const inheritedMaint = 0x02;
const forcedDrain = 0x08;
const inheritedDrain = 0x10;
const resolutionMaint = 0x20;

/**
 * HAProxy's own reading of the mask, as `show stat` has it: maint beats drain, `inherited` comes from a tracked server,
 * `resolution` means that the server's name has no address (yet).
 */
export function administrativeState(adminBits: number): 'ready' | 'drain' | 'maint' {
  if ((adminBits & (forcedMaint | inheritedMaint | resolutionMaint)) !== 0) return 'maint';
  if ((adminBits & (forcedDrain | inheritedDrain)) !== 0) return 'drain';
  return 'ready';
}
