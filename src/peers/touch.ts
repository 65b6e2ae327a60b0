/** That a key of a stick table was used on a HAProxy, or that it is there. The same object is used again for the next: copy what must last. */
export interface Touch {
  /** The HAProxy's `localpeer`. */
  node: string;
  /** The backend that declares the table; `/name` for one that a peers section declares. */
  table: string;
  /** Byte by byte (latin1); an integer in decimal. */
  key: string;
  /** The server that the key is bound to; undefined where there is none, or where it is known by its number alone. */
  serverName: string | undefined;
  /** HAProxy's number of that server within its backend; 0 for none. */
  serverId: number;
  /** True: it was used just now. False: it is from a dump, or from what had piled up while there was no connection. */
  live: boolean;
  /** When the entry expires, counted from now; known in dumps only. */
  expiresInMs: number | undefined;
  /** How long ago it was used; undefined when that is not known before the dump (it was used within the table's `expire`). */
  idleMs: number | undefined;
  /** `bytes_out_cnt` of the entry; undefined where the table does not store it. */
  bytesOut: number | undefined;
}

/** Who wants to know what HAProxy's tables say. Every call must return at once. */
export interface PeersListener {
  onTouch(touch: Readonly<Touch>): void;
  /** All entries that a HAProxy has were told; from now on its touches come live. Once for each connection. */
  onNodeUp(node: { readonly node: string; readonly pid: number }): void;
  /** From now on nothing is known of this HAProxy's tables: what is not heard of may be in use all the same. */
  onNodeDown(node: string): void;
}
