/** A place in received bytes. Readers move `offset` towards `end`, never past it. */
export interface Cursor {
  bytes: Buffer;
  offset: number;
  end: number;
}
