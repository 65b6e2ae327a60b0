// Takes the answers of a hostile Control API by shape, in a process of its own, as the agent does: no test runner stands around what is measured.
import { createDirectory, type Directory } from '../../src/directory';
import { createLogger } from '../../src/log';
import { longestTurnMs } from './longest-turn';
import { until } from './until';

const [port, shapes] = JSON.parse(process.argv[2] ?? '') as [number, string[]];

/** Two lists and eight lookups at once of a fleet of one server with that API. */
async function listAndLookUp(shape: string): Promise<void> {
  let lists = 0;
  // Only some have no end.
  const timeoutMs = /without end|drip/.test(shape) ? 500 : 60_000;
  const directory: Directory = createDirectory({
    intervalMs: 1,
    staleForMs: 60_000,
    suspectAfter: 1_000,
    maxStreams: 500_000,
    holders: [],
    lookup: { deadlineMs: timeoutMs, ttlMs: 1, missTtlMs: 1, perSecond: 1_000 },
    apiTimeoutMs: timeoutMs,
    credentialsFor: () => ({}),
    log: createLogger('silent'),
    recordPoll: () => {
      lists++;
    },
  });
  directory.setServers([
    {
      name: 'mtx1',
      address: '127.0.0.1',
      port: 8888,
      apiUrl: `http://127.0.0.1:${port}/${encodeURIComponent(shape)}`,
      operational: 'UP',
      administrative: 'ready',
      isBackup: false,
      kind: 'mediamtx',
    },
  ]);
  directory.start();
  await until('a list', () => lists >= 1);
  await Promise.all(Array.from({ length: 8 }, async (_, i) => directory.ask(`lookup/${i}`)));
  await until('two lists', () => lists >= 2);
  await directory.stop();
}

async function measure(): Promise<void> {
  await listAndLookUp('control');
  for (const shape of shapes) {
    console.log(JSON.stringify({ name: shape, ms: await longestTurnMs(() => listAndLookUp(shape), 20) }));
  }
}
void measure();
