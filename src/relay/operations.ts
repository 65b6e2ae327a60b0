/** Everything whose duration the relay keeps, and what counts as an error of it. */
export const relayOperations = {
  provider_connect: 'From asking a provider to the beginning of its answer. An error: the source cannot be used.',
  failover: 'From the last byte of one source to the first of the next one.',
  hls_segment_fetch:
    'From asking a provider for a segment of a channel to its last byte, one try. An error: it did not come, or not whole.',
  hls_manifest_generation:
    "Making a player's playlist of a channel. An error: there was nothing to put into it in time.",
  event_delivery: 'One attempt to deliver an event to a webhook. An error: the receiver did not take it.',
} as const;

export type RelayOperation = keyof typeof relayOperations;
export const relayOperationNames = Object.keys(relayOperations) as RelayOperation[];
