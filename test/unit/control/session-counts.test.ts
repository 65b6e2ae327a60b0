import { createSessionCounts } from '../../../src/control/session-counts';
import { fakeRuntimeClient } from '../../support/fake-runtime-client';
import { createFakeLog } from './push-lab';

const table = (...servers: number[]) =>
  `# table: sessions, type: string, size:100, used:${servers.length}\n${servers
    .map((server, i) => `0x${i}: key=live/a|${i} use=0 exp=1000 server_id=${server}\n`)
    .join('')}`;

it('a count that was forgotten while it was under way is made again for who wants it now', async () => {
  let shown = table(1, 1, 2);
  const { client, asked } = fakeRuntimeClient(() => shown);
  const counts = createSessionCounts({
    client,
    signal: new AbortController().signal,
    log: createFakeLog().log,
    goneAfterMs: 10_000,
    serverIds: () => new Map(),
    now: () => 0,
  });
  const first = counts.count('ifDue');
  // Server 1 was cleared meanwhile.
  counts.forget();
  const wanted = counts.count('now');
  await first;
  expect(counts.latest()).toBeUndefined();
  shown = table(2);
  await wanted;
  expect([...(counts.latest() ?? [])]).toEqual([[2, 1]]);
  expect(asked).toHaveLength(2);
});

it('who is counted is told by the name in the entry, not by a number from before the servers were numbered anew', async () => {
  const entry = (i: number, id: number, key: string) =>
    `0x${i}: key=live/a|${i} use=0 exp=1000 server_id=${id} server_key=${key}\n`;
  const shown = `# table: sessions, type: string, size:100, used:4\n${entry(1, 1, 'mtx2')}${entry(2, 1, 'mtx2')}${entry(3, 2, 'mtx1')}${entry(4, 2, 'gone')}`;
  const counts = createSessionCounts({
    client: fakeRuntimeClient(() => shown).client,
    signal: new AbortController().signal,
    log: createFakeLog().log,
    goneAfterMs: 10_000,
    serverIds: () => new Map(Object.entries({ mtx1: 1, mtx2: 2 })),
    now: () => 0,
  });
  await counts.count('now');
  // A name that HAProxy does not have any more tells nothing: then it goes by the number.
  expect(new Map(counts.latest())).toEqual(
    new Map(Object.entries({ 1: 1, 2: 3 }).map(([id, count]) => [Number(id), count])),
  );
});
