/*
 * HAProxy's greeting: three lines, each closed by LF.
 *
 *   HAProxyS 2.1
 *   <name of this peer, as in its `peer` line>
 *   <HAProxy's own `localpeer`> <pid> <relative pid, always 1>
 *
 * The answer is a number and LF. Only 200 is ever sent: on any other number HAProxy gives the peer up until it is reloaded.
 */

const maxLineBytes = 256;
const lines = 3;
const lineFeed = 0x0a;

/** The answer that starts the exchange of messages. */
export const helloAccepted = Buffer.from('200\n', 'latin1');

/** Who greets. */
export interface Hello {
  /** HAProxy's `localpeer`. */
  readonly node: string;
  readonly pid: number;
  /** The name that HAProxy knows the agent by. */
  readonly agentName: string;
}

/** Reads a greeting that may come in pieces. */
export interface HelloReader {
  /**
   * Takes bytes of the greeting. Returns where the rest of `chunk` begins once the greeting is whole, -1 when it is none, undefined while it is
   * not whole; afterwards `hello` has it.
   */
  read(chunk: Buffer): number | undefined;
  readonly hello: Hello | undefined;
}

export function createHelloReader(): HelloReader {
  const done: string[] = [];
  let line = '';
  let hello: Hello | undefined;
  return {
    get hello() {
      return hello;
    },
    read(chunk) {
      let offset = 0;
      while (offset < chunk.length) {
        const room = maxLineBytes - line.length;
        const feed = chunk.subarray(offset, offset + room + 1).indexOf(lineFeed);
        const end = feed < 0 ? Math.min(chunk.length, offset + room + 1) : offset + feed;
        line += chunk.toString('latin1', offset, end);
        if (line.length > maxLineBytes) return -1;
        if (feed < 0) return undefined;
        offset = end + 1;
        if (done.length === 0 && !supportedVersion.test(line)) return -1;
        done.push(line);
        line = '';
        if (done.length === lines) {
          hello = parseHello(done);
          return hello === undefined ? -1 : offset;
        }
      }
      return undefined;
    },
  };
}

/** 2.0 differs from 2.1 in nothing that the agent uses. */
const supportedVersion = /^HAProxyS 2\.[01]$/;

/** Names as HAProxy allows them for peers. */
function parseHello([, agentName = '', process = '']: readonly string[]): Hello | undefined {
  if (!/^[A-Za-z0-9_.:-]+$/.test(agentName)) return undefined;
  const match = /^([A-Za-z0-9_.:-]+) ([0-9]{1,10}) [0-9]{1,10}$/.exec(process);
  if (match?.[1] === undefined) return undefined;
  return { node: match[1], pid: Number(match[2]), agentName };
}
