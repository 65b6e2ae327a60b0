import { fetchWhole } from '../../../src/relay/fetch-whole';
import { createHlsProvider } from '../../support/hls-provider';

const url = 'http://one/a';
const request = {
  url,
  headers: {},
  mostBytes: 1000,
  stallMs: 10_000,
  withinMs: 10_000,
  signal: new AbortController().signal,
};

function providerOf(...answer: [Parameters<ReturnType<typeof createHlsProvider>['set']>[1]]) {
  const provider = createHlsProvider();
  provider.set(url, answer[0]);
  return provider;
}

test('a body is there as a whole, or has failed', async () => {
  expect(await fetchWhole(providerOf('text'), request)).toMatchObject({ blocks: [Buffer.from('text')], url });
  expect(await fetchWhole(providerOf(Buffer.alloc(1001)), request)).toMatchObject({ failure: { trigger: 'type' } });
  expect(await fetchWhole(providerOf({ failure: { trigger: 'limit' } }), request)).toMatchObject({
    failure: { trigger: 'limit' },
  });
});

test('many pieces become few blocks', async () => {
  const bytes = Buffer.alloc(5 * 1024 * 1024, 'ab');
  const { blocks = [] } = await fetchWhole(providerOf(bytes), { ...request, mostBytes: 1e8 });
  expect(blocks.length).toBeLessThanOrEqual(6);
  expect(Buffer.concat([...blocks]).equals(bytes)).toBe(true);
});

test('a body that falls silent, or takes too long, has failed', async () => {
  const begun = { begins: Buffer.from('x') };
  expect(await fetchWhole(providerOf(begun), { ...request, stallMs: 5 })).toMatchObject({
    failure: { trigger: 'stall' },
  });
  const slow = await fetchWhole(providerOf(begun), { ...request, withinMs: 5 });
  expect(slow).toMatchObject({ failure: { trigger: 'stall', reason: 'The provider took longer than 5ms.' } });
  const never = await fetchWhole(providerOf({ isSilent: true }), { ...request, withinMs: 5 });
  expect(never).toMatchObject({ failure: { trigger: 'stall' } });
});

test('is ended from outside', async () => {
  const left = new AbortController();
  const fetched = fetchWhole(providerOf({ begins: Buffer.from('x') }), { ...request, signal: left.signal });
  left.abort();
  expect(await fetched).toMatchObject({ failure: { trigger: 'reset' } });
});

test('a part is what was asked for, also of who sends all of the file', async () => {
  const byteRange = { offset: 2, length: 3 };
  expect(await fetchWhole(providerOf('0123456'), { ...request, byteRange })).toMatchObject({
    blocks: [Buffer.from('234')],
  });
  // Without its range, a provider sends all.
  const provider = providerOf('0123456');
  const whole: Parameters<typeof fetchWhole>[0] = {
    open: (asked) => provider.open({ ...asked, range: undefined }),
  };
  expect(await fetchWhole(whole, { ...request, byteRange })).toMatchObject({ blocks: [Buffer.from('234')] });
  const beyond = { offset: 5, length: 9 };
  expect(await fetchWhole(providerOf('0123456'), { ...request, byteRange: beyond })).toMatchObject({
    failure: { trigger: 'reset' },
  });
});
