/** Who asks, as far as it is known from the request. */
export interface Viewer {
  /** Of this connection. */
  readonly id: string;
  /** The same for all connections of one player: the accounts know it by this. */
  readonly player: string;
  readonly address: string;
  readonly userAgent: string;
  readonly username: string | undefined;
}
