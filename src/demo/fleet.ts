/** The three servers of a demo, stand-ins or real, and who publishes on them. Every change is written into a HolderLog. */
export interface DemoFleet {
  /** For people: `stand-ins for MediaMTX v1.20.1`. */
  readonly description: string;
  /** Lets a publisher come; resolves when the server has the stream. */
  publish(stream: string, server: string): Promise<void>;
  /** Lets the publisher go; resolves when the server has lost the stream. */
  unpublish(stream: string, server: string): Promise<void>;
  /** Takes a publisher from one server to another, as an encoder does that connects elsewhere. */
  move(stream: string, from: string, to: string): Promise<void>;
  stop(): Promise<void>;
  /** Ends everything at once, without waiting. */
  kill(): void;
}
