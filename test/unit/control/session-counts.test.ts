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
