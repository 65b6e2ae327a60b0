/**
 * A body's text in UTF-8; undefined when it has more bytes than that: it is then closed.
 * @throws (rejects) what breaks the body.
 */
export async function textAtMost(body: AsyncIterable<Buffer>, mostBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > mostBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length).toString('utf8');
}
