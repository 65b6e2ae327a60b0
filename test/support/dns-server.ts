import { createSocket } from 'node:dgram';

/** A DNS server (RFC 1035, 2782) that answers A and SRV questions over UDP: NXDOMAIN for names that it does not have, nothing for other types. */
export interface DnsServer {
  readonly port: number;
  /** Addresses by name, all of one answer; change them at any time. */
  readonly addresses: Map<string, readonly string[]>;
  /** What SRV records name, by the record's name; all of one answer. */
  readonly services: Map<string, readonly SrvTarget[]>;
  /**
   * The `resolvers r` section of a haproxy.cfg that asks it often and believes what it says at once. That it says nothing for long is a busy machine:
   * then HAProxy keeps what it has.
   */
  readonly resolvers: string;
  stop(): Promise<void>;
}

export interface SrvTarget {
  readonly host: string;
  readonly port: number;
}

const typeA = 1;
const typeSrv = 33;
const nxDomain = 3;

export async function startDnsServer(host = '127.0.0.1'): Promise<DnsServer> {
  const addresses = new Map<string, readonly string[]>();
  const services = new Map<string, readonly SrvTarget[]>();
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const answer = answerTo(query, addresses, services);
    if (answer !== undefined) socket.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, host, resolve));
  const { port } = socket.address();
  return {
    port,
    addresses,
    services,
    resolvers: `resolvers r
    nameserver ns ${host}:${port}
    accepted_payload_size 8192
    timeout resolve 50ms
    timeout retry 2s
${['valid', 'obsolete', 'nx'].map((what) => `    hold ${what} 50ms`).join('\n')}
${['other', 'refused', 'timeout'].map((what) => `    hold ${what} 1h`).join('\n')}
`,
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** Undefined for what is no question. Layout: id, flags, four counts (2 bytes each); labels; type, class. */
function answerTo(
  query: Buffer,
  addresses: ReadonlyMap<string, readonly string[]>,
  services: ReadonlyMap<string, readonly SrvTarget[]>,
): Buffer | undefined {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const end = at + 5;
  if (query.length < end) return undefined;
  const type = query.readUInt16BE(at + 1);
  // HAProxy may write names in any case.
  const name = labels.join('.').toLowerCase();
  const found = new Map([
    [typeA, (addresses.get(name) ?? []).map((address) => Buffer.from(address.split('.').map(Number)))],
    [typeSrv, (services.get(name) ?? []).map(srvData)],
  ]);
  const isKnown = [...found.values()].some((records) => records.length > 0);
  const records = (found.get(type) ?? []).map((data) => {
    // The name of the question, its type, IN, one second, the length of what follows.
    const start = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, 0, data.length]);
    return Buffer.concat([start, data]);
  });
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8580 | (isKnown ? 0 : nxDomain), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  return Buffer.concat([head, query.subarray(12, end), ...records]);
}

/** Priority 0, weight 1, the port, and the host's labels. */
function srvData({ host, port }: SrvTarget): Buffer {
  const labels = host.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([Buffer.from([0, 0, 0, 1, port >> 8, port & 0xff]), ...labels, Buffer.from([0])]);
}
