import { createAddressGuard } from '../../../src/relay/address-guard';
import type { OpenSource, SourceRequest } from '../../../src/relay/provider';
import { createProvider } from '../../../src/relay/provider-client';
import { createCookieJar } from '../../../src/relay/provider-headers';
import {
  createFaultProvider,
  type FaultProvider,
  hangUp,
  inTurn,
  raw,
  silent,
  stallAfter,
  status,
} from '../../support/fault-provider';

const kept = { connection: 'keep-alive' };
let faulty: FaultProvider;
let provider: ReturnType<typeof createProvider>;
beforeEach(async () => {
  faulty = await createFaultProvider();
  provider = createProvider({ guard: createAddressGuard({ allow: ['127.0.0.0/8'] }), keepAlive: true });
});
afterEach(async () => {
  provider.close();
  await faulty.close();
});

function open(path: string, more: Partial<SourceRequest> = {}) {
  const signal = new AbortController().signal;
  return provider.open({ url: faulty.url(path), method: 'GET', headers: {}, expects: 'any', signal, ...more });
}

async function textOf({ source }: { readonly source?: OpenSource | undefined }): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of source?.body ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe('connections that are kept', () => {
  it('are used again once a body was read to its end', async () => {
    faulty.at('/a', status(200, 'x'.repeat(50_000), kept));
    for (let time = 0; time < 5; time++) expect(await textOf(await open('/a'))).toHaveLength(50_000);
    expect(faulty.connections).toMatchObject({ open: 1, total: 1 });
    expect(faulty.requests[0]?.headers.connection).toBe('keep-alive');
  });

  it('are as many as there are questions at a time', async () => {
    faulty.at('/a', status(200, 'x', kept));
    const all = await Promise.all(Array.from({ length: 5 }, () => open('/a')));
    expect(faulty.connections.open).toBe(5);
    expect(await Promise.all(all.map(textOf))).toEqual(Array(5).fill('x'));
  });

  it('end with a body that is left', async () => {
    faulty.at('/a', stallAfter(1000, status(200, 'x'.repeat(5000), kept)));
    const { source } = await open('/a');
    source?.close();
    await faulty.waitForOpen(0);
  });

  it('are replaced where the provider closed them meanwhile', async () => {
    faulty.at('/a', inTurn(status(200, 'one', kept), hangUp('reset'), status(200, 'two', kept)));
    expect(await textOf(await open('/a'))).toBe('one');
    expect(await textOf(await open('/a'))).toBe('two');
    expect(faulty.connections.total).toBe(2);
  });

  it('are asked once where a new one is closed without an answer', async () => {
    faulty.at('/a', hangUp());
    expect(await open('/a')).toMatchObject({ failure: { trigger: 'reset' } });
    expect(faulty.requests).toHaveLength(1);
  });

  it('end with who asked, whether they answered or not', async () => {
    faulty.at('/a', silent());
    const leaving = new AbortController();
    const opening = open('/a', { signal: leaving.signal });
    await faulty.waitForRequests('/a', 1);
    leaving.abort();
    expect(await opening).toMatchObject({ failure: { trigger: 'reset' } });
    await faulty.waitForOpen(0);
    expect(await open('/a', { signal: leaving.signal })).toMatchObject({ failure: { trigger: 'reset' } });
  });

  it('say why there is none', async () => {
    const { port } = faulty;
    await faulty.close();
    expect(await open('/a')).toMatchObject({ failure: { trigger: 'connect', reason: 'The connection was refused.' } });
    const forbidden = provider.open({
      url: `http://169.254.169.254:${port}/`,
      method: 'GET',
      headers: {},
      signal: new AbortController().signal,
    });
    expect(await forbidden).toMatchObject({ failure: { trigger: 'forbidden' } });
    faulty = await createFaultProvider();
  });

  it('are not those of another host, port or scheme', async () => {
    const other = await createFaultProvider({ host: '127.0.0.2' });
    faulty.at('/a', status(200, 'x', kept));
    other.at('/a', status(200, 'y', kept));
    expect(await textOf(await open('/a'))).toBe('x');
    expect(await textOf(await open('/a', { url: other.url('/a') }))).toBe('y');
    expect(other.connections.total).toBe(1);
    await other.close();
  });

  it('tell what is no HTTP', async () => {
    faulty.at('/a', raw('nonsense\r\n\r\n'));
    expect(await open('/a')).toMatchObject({ failure: { trigger: 'type' } });
  });

  it('keep cookies for whoever has a jar, and for nobody else', async () => {
    faulty.at('/a', status(200, 'x', { ...kept, 'set-cookie': 'a=1' }));
    const cookies = createCookieJar();
    for (const jar of [cookies, cookies, undefined]) await textOf(await open('/a', { cookies: jar }));
    expect(faulty.requests.map(({ headers }) => headers.cookie)).toEqual([undefined, 'a=1', undefined]);
  });
});
