/** The ways in which bytes may arrive: at once, one by one, and in two parts cut at every position. */
export function feedings(bytes: Buffer): { name: string; chunks: Buffer[] }[] {
  const positions = Array.from({ length: Math.max(0, bytes.length - 1) }, (_, index) => index + 1);
  return [
    { name: 'whole', chunks: [bytes] },
    { name: 'byte by byte', chunks: Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)) },
    ...positions.map((at) => ({ name: `cut at ${at}`, chunks: [bytes.subarray(0, at), bytes.subarray(at)] })),
  ];
}
