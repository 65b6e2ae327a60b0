// An HTTP server with much to tell, in a process of its own, as the agent has it: no test runner stands around what is measured.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { StreamView } from '../../src/directory';
import { createViewers } from '../../src/viewers';
import { createFakeEvents, event } from '../unit/api/fake-events';
import { holder, serverView, startHttpLab, stream } from '../unit/api/lab';
import { longestTurnMs } from './longest-turn';

/** What is written to each connection, by name. */
const floods = JSON.parse(process.argv[2] ?? '') as [name: string, bytes: string[]][];

const streams = new Map<string, StreamView>();
for (let i = 0; i < 100_000; i++) streams.set(`live/${i}`, stream(`live/${i}`, [holder('mtx1'), holder('mtx2')]));
const servers = Array.from({ length: 50 }, (_, i) => serverView(`mtx${i}`));
const viewers = createViewers({ goneAfterMs: 600_000, showAddresses: false, nowMs: 1000 });
viewers.nodeUp('hap', 1000);
for (let i = 0; i < 20_000; i++) {
  const name = i % 2 === 0 ? 'live/0' : `live/${i}`;
  viewers.see({ node: 'hap', key: `${name}|s${i}`, serverName: 'mtx1', idleMs: 0, live: true, bytesOut: 1 }, 1000);
}
const events = createFakeEvents();
events.kept.push(...Array.from({ length: 1000 }, (_, i) => event(i)));
const directory = {
  streamNames: () => streams.keys(),
  stream: (name: string) => streams.get(name),
  servers: () => servers,
  hasEvidence: () => true,
  confirm: () => Promise.resolve(),
};

/** Opens connections from another process, writes to all of them, reads what comes and ends when all are closed. */
async function flood(port: number, bytes: readonly string[]): Promise<void> {
  const client = spawn(process.execPath, [
    '-e',
    `const { connect } = require('node:net');
     for (const text of JSON.parse(process.argv[2])) {
       const socket = connect(Number(process.argv[1]), '127.0.0.1', () => socket.write(text));
       socket.resume().on('error', () => undefined);
     }`,
    String(port),
    JSON.stringify(bytes),
  ]);
  await once(client, 'exit');
}

async function measure(): Promise<void> {
  for (const [name, bytes] of floods) {
    const lab = await startHttpLab({ directory, viewers, events });
    const port = Number(new URL(lab.server.url).port);
    console.log(JSON.stringify({ name, ms: await longestTurnMs(() => flood(port, bytes), 20) }));
    await lab.server.stop();
  }
}
void measure();
