import type { RecordTime } from '../measure';
import { createRuntimeClient, type RuntimeAddress, type RuntimeClient } from './client';

/**
 * One HAProxy and the connections to its Runtime API, made once and shared by everything that asks it. Each client has one command under way, so one
 * connection, at a time: with four of the ten that HAProxy takes (`stats maxconn`), nothing short waits behind anything long, and operators have room.
 */
export interface HaproxyNode {
  readonly name: string;
  /** States and weights of servers: short commands only. */
  readonly state: RuntimeClient;
  /** routes.map: filling it takes as long as it has entries. */
  readonly routes: RuntimeClient;
  /** Orders and counts that go through whole tables. */
  readonly bulk: RuntimeClient;
  /** What is only read, and can wait: counters, who watches what, the preflight. */
  readonly statistics: RuntimeClient;
}

/** Nothing is asked yet, and nothing is held open between two commands. `recordCommand` is told of every command on any of the connections. */
export function createHaproxyNode(
  { name, socket: address }: { readonly name: string; readonly socket: RuntimeAddress },
  recordCommand?: RecordTime,
): HaproxyNode {
  const connect = (): RuntimeClient => createRuntimeClient({ address, recordCommand });
  return { name, state: connect(), routes: connect(), bulk: connect(), statistics: connect() };
}
