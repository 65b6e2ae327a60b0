import { pageOfStreams as pageInSteps, type StreamSource } from '../../../src/api/stream-page';
import { finish, holder, stream } from './lab';

const pageOfStreams = (...given: Parameters<typeof pageInSteps>) => finish(pageInSteps(...given));

function source(names: readonly string[], servers: readonly string[] = ['mtx1']): StreamSource & { viewed: string[] } {
  const views = new Map(
    names.map((name) => [
      name,
      stream(
        name,
        servers.map((server) => holder(server)),
      ),
    ]),
  );
  const viewed: string[] = [];
  return {
    viewed,
    streamNames: () => views.keys(),
    stream: (name) => {
      viewed.push(name);
      return views.get(name);
    },
  };
}

const all = { limit: 100, cursor: '', match: '' };
const names = (page: ReturnType<typeof pageOfStreams>) => page.streams.map(({ name }) => name);

/** The numbers below `count`, mixed up by a step that has no divisor in common with it. */
const mixed = (count: number, step: number) => Array.from({ length: count }, (_, i) => (i * step) % count);

describe.each([
  ['as they come', (count: number) => mixed(count, 1)],
  ['backwards', (count: number) => mixed(count, count - 1)],
  ['mixed up', (count: number) => mixed(count, 619)],
])('streams %s', (_order, order) => {
  it.each([1, 2, 7, 100, 1000])('come each once and sorted, %i a page', (limit) => {
    const wanted = order(1000).map((i) => `live/${i}`);
    const from = source(wanted, ['mtx1', 'mtx2']);
    const seen: string[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const page = pageOfStreams(from, { limit, cursor, match: '' });
      expect(page.total).toBe(1000);
      expect(page.streams.length).toBe(Math.min(limit, 1000 - seen.length));
      seen.push(...names(page));
      cursor = page.next;
    }
    expect(seen).toEqual([...wanted].sort());
  });
});

it('looks only at the streams of the page', () => {
  const from = source(mixed(1000, 619).map((i) => `live/${i}`));
  expect(names(pageOfStreams(from, { limit: 3, cursor: 'live/2', match: '9' }))).toEqual([
    'live/209',
    'live/219',
    'live/229',
  ]);
  expect(from.viewed).toHaveLength(3);
});

it('counts what matches on all pages', () => {
  const from = source(['a/1', 'a/2', 'b/1', 'b/2', 'b/3']);
  expect(pageOfStreams(from, { limit: 1, cursor: 'b/1', match: 'b/' })).toMatchObject({ total: 3, next: 'b/2' });
});

it('has no next page after the last stream, nor after nothing', () => {
  expect(pageOfStreams(source(['a', 'b']), { ...all, limit: 2 }).next).toBeUndefined();
  expect(pageOfStreams(source([]), all)).toEqual({ streams: [], total: 0, next: undefined });
  expect(pageOfStreams(source(['a']), { ...all, cursor: 'a' })).toMatchObject({ streams: [], next: undefined });
});
