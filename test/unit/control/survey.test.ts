import { createSurvey } from '../../../src/control/survey';
import type { Directory } from '../../../src/directory';

interface Other {
  readonly usable?: boolean;
  readonly health?: string;
  readonly administrative?: string;
  readonly feeds?: readonly [here: string, there: string];
}

/** `live/a` on mtx1 and on another server. */
async function onlyOnFirst(other: Other): Promise<number | undefined> {
  const slot = (name: string, { usable = true, health = 'ok', administrative = 'ready' }: Other) => ({
    name,
    inventoryAt: 1,
    usable,
    health,
    fleet: { administrative },
  });
  const slots = [slot('mtx1', { administrative: 'drain' }), slot('mtx2', other)];
  const holdings = slots.map((each, i) => ({
    slot: each,
    report: { bytesSent: 1, feed: other.feeds?.[i] ?? 'publisher' },
  }));
  const directory = {
    slots: () => slots,
    streamNames: () => ['live/a'].values(),
    entry: () => ({ holdings }),
  } as unknown as Directory;
  const survey = createSurvey(directory, new AbortController().signal, () => 0);
  await survey.look('now');
  return survey.latest()?.servers.get('mtx1')?.onlyHereCount;
}

it.each<[string, Other, number]>([
  ['stays', {}, 0],
  ['cannot be used', { usable: false }, 1],
  ['is drained as well', { administrative: 'drain' }, 1],
  ['is in maintenance', { administrative: 'maint', usable: false }, 1],
  ['does not answer any more', { health: 'failing' }, 1],
  ['is suspect', { health: 'suspect' }, 1],
  ['pulls a copy of it', { feeds: ['publisher', 'pulled'] }, 1],
  ['pulls a copy as this one does', { feeds: ['pulled', 'pulled'] }, 0],
  ['has what this one pulls a copy of', { feeds: ['pulled', 'publisher'] }, 0],
])('a stream that another server has too, which %s', async (_, other, expected) => {
  expect(await onlyOnFirst(other)).toBe(expected);
});
