/**
 * What a command costs before it has done anything: processor time, user and system, of the whole process, against `node -e 0`, which is what Node itself
 * needs. `where` asks an agent's address that answers at once.
 */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { createBench } from './bench';
import { median } from './rows';

const { add, run, rounds } = createBench('start', { rounds: 5, secondsEach: 1 });
const runs = 20;
const main = 'dist/cli/main.js';
const found = {
  stream: 'live/a',
  session: '',
  state: 'located',
  server: 'mtx1',
  address: '127.0.0.1:8888',
  evidence: { kind: 'inventory', server: 'mtx1', ageMs: 10 },
};

/** Milliseconds of processor time of one start; the shell adds up what its children used. */
async function cpuMs(args: readonly string[]): Promise<number> {
  const script = `for i in $(seq ${runs}); do "$@" >/dev/null || exit 1; done; times`;
  const { stdout } = await promisify(execFile)('bash', ['-c', script, 'start', process.execPath, ...args]);
  const used = [...(stdout.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  return (used.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0) / runs) * 1000;
}

async function starts(): Promise<void> {
  const server = createServer((_, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(found)),
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cases = {
    'node -e 0': ['-e', '0'],
    '--version': [main, '--version'],
    '--help': [main, '--help'],
    where: [main, 'where', 'live/a', '--url', url],
  };
  const goals: Record<string, string> = { '--version': '<=1.5', '--help': '<=1.5', where: '<=2.5' };
  const measured = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const [name, args] of Object.entries(cases)) measured.get(name)?.push(await cpuMs(args));
  await new Promise((done) => server.close(done));
  const least = median(measured.get('node -e 0') ?? []);
  for (const [name, values] of measured) {
    add(name, 'cpu-ms', median(values));
    const goal = goals[name];
    if (goal !== undefined) add(name, 'ratio of cpu', median(values) / least, { goal, yardstick: 'node -e 0' });
  }
}

run({ starts });
