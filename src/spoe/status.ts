/** SPOP's status codes (doc/SPOE.txt 3.5) by name, with the text that a DISCONNECT carries. */
export const statusCodes = {
  normal: { code: 0, text: 'normal' },
  'io-error': { code: 1, text: 'I/O error' },
  timeout: { code: 2, text: 'a timeout occurred' },
  'frame-too-big': { code: 3, text: 'frame is too big' },
  'invalid-frame': { code: 4, text: 'invalid frame received' },
  'no-version': { code: 5, text: 'version value not found' },
  'no-max-frame-size': { code: 6, text: 'max-frame-size value not found' },
  'no-capabilities': { code: 7, text: 'capabilities value not found' },
  'unsupported-version': { code: 8, text: 'unsupported version' },
  'bad-max-frame-size': { code: 9, text: 'max-frame-size too big or too small' },
  'fragmentation-not-supported': { code: 10, text: 'fragmentation not supported' },
  'interlaced-frames': { code: 11, text: 'invalid interlaced frames' },
  'frame-id-not-found': { code: 12, text: 'frame-id not found' },
  'resource-error': { code: 13, text: 'resource allocation error' },
  'unknown-error': { code: 99, text: 'an unknown error occurred' },
} as const;

export type StatusName = keyof typeof statusCodes;

export const statusNames = Object.keys(statusCodes) as StatusName[];

const namesByCode = new Map<number, StatusName>(statusNames.map((name) => [statusCodes[name].code, name]));

/** The name of a received code; `unknown-error` for one that the protocol does not define. */
export function statusNameOf(code: number): StatusName {
  return namesByCode.get(code) ?? 'unknown-error';
}
