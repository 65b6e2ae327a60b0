import { isIPv4 } from 'node:net';
import { ownValue } from '../wire';
import { createSimServer, type SimServer, type SimServerOptions } from './server';

/** A fleet's configuration: that of its servers, and how many there are. */
export interface SimFleetOptions extends Omit<SimServerOptions, 'address' | 'name'> {
  /** How many servers. Default 3. */
  readonly servers?: number;
  /** Address of the first; the others follow. Default 127.0.0.11. */
  readonly firstAddress?: string;
  /** Options of single servers that differ, by name (`mtx1`, `mtx2`, …). */
  readonly overrides?: Readonly<Record<string, Partial<SimServerOptions>>>;
}

/** Stand-ins `mtx1` to `mtxN` on consecutive addresses. */
export interface SimFleet {
  readonly servers: readonly SimServer[];
  /** A server by name. Throws an Error that names the servers when there is none of that name. */
  server(name: string): SimServer;
  /** All servers on which a stream can be read. */
  holders(stream: string): SimServer[];
  /** Takes a stream from wherever it is published to one server, as an encoder does that connects elsewhere. */
  move(stream: string, to: string): void;
  /** Stops all servers. */
  stop(): Promise<void>;
}

/** The IPv4 address `offset` after another one. Throws a RangeError when there is none. */
export function addressAfter(address: string, offset: number): string {
  if (!isIPv4(address)) throw new RangeError(`address '${address}' given; allowed are IPv4 addresses`);
  const sum = address.split('.').reduce((value, byte) => value * 256 + Number(byte), 0) + offset;
  if (sum >= 2 ** 32) throw new RangeError(`there is no address ${offset} after ${address}`);
  return [24, 16, 8, 0].map((shift) => Math.floor(sum / 2 ** shift) % 256).join('.');
}

/** Starts a fleet. Rejects, with nothing left open, when one of its servers cannot start. */
export async function createSimFleet(options: SimFleetOptions = {}): Promise<SimFleet> {
  const { servers: count = 3, firstAddress = '127.0.0.11', overrides = {}, ...shared } = options;
  const servers: SimServer[] = [];
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    for (let index = 0; index < count; index++) {
      const name = `mtx${index + 1}`;
      const address = addressAfter(firstAddress, index);
      servers.push(await createSimServer({ ...shared, address, name, ...ownValue(overrides, name) }));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const holders = (stream: string) => servers.filter((server) => server.streams().includes(stream));
  const server = (name: string) => {
    const found = servers.find((candidate) => candidate.name === name);
    if (!found) throw new Error(`server '${name}' given; allowed are ${servers.map((each) => each.name).join(', ')}`);
    return found;
  };
  return {
    servers,
    server,
    holders,
    move(stream, to) {
      const target = server(to);
      for (const holder of holders(stream)) if (holder !== target) holder.unpublish(stream);
      target.publish(stream);
    },
    stop,
  };
}
