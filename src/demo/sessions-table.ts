/** One entry of HAProxy's table `sessions`: one viewer, as HAProxy remembers it. */
export interface TableSession {
  readonly stream: string;
  readonly session: string;
  /** Name of the server, such as `mtx1`. */
  readonly server: string;
  /** Until HAProxy forgets it, unless it is seen again. */
  readonly expiresInMs: number;
}

/**
 * Reads the reply of `show table sessions`: a line `# table: …`, then one line an entry, e.g.
 * `0x55: key=live/a|2b7e use=0 exp=59874 shard=0 server_id=1 server_key=mtx1`. Lines without the parts that are needed are left out.
 */
export function parseSessionsTable(text: string): TableSession[] {
  return text.split('\n').flatMap((line) => {
    const match = /\bkey=(\S+)\|(\S+) .*?\bexp=(\d+).*?\bserver_key=(\S+)/.exec(line);
    if (match === null) return [];
    const [, stream = '', session = '', expiresInMs = '', server = ''] = match;
    return [{ stream, session, server, expiresInMs: Number(expiresInMs) }];
  });
}
