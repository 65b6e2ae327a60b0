import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from '../support/child-process';
import { createFaultProvider, createFeedClock, type FaultProvider, live } from '../support/fault-provider';
import { haproxyBin, haproxyVersion } from '../support/haproxy';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { type RelayProcess, startRelay } from '../support/relay';
import { addStream, readStream } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { until } from '../support/until';

describe(`HAProxy ${haproxyVersion}: the relay behind it`, () => {
  let clips: ClipFolder;
  let clip: Buffer;
  let provider: FaultProvider;
  let relay: RelayProcess;
  let haproxy: Child;
  let block: LoopbackBlock;
  let folder: string;
  let entrance: string;

  beforeAll(async () => {
    clips = createClipFolder();
    clip = clips.clip({ seconds: 4 });
    provider = await createFaultProvider();
    relay = await startRelay({ relay: { allow: ['127.0.0.0/8'], timeouts: { stall: '10m' } } });
    block = await takeLoopbackBlock();
    folder = mkdtempSync(join(tmpdir(), 'mtxpilot-relay-haproxy-'));
    entrance = `${block.address(1)}:8080`;
    const config = `defaults
    mode http
    timeout connect 2s
    timeout client 1h
    timeout server 1h
frontend viewers
    bind ${entrance}
    default_backend relay
backend relay
    option abortonclose
    retries 0
    server relay1 ${new URL(relay.url).host}
`;
    writeFileSync(join(folder, 'haproxy.cfg'), config);
    haproxy = startChild(haproxyBin, ['-db', '-f', join(folder, 'haproxy.cfg')]);
    await until('HAProxy', async () => (await fetch(`http://${entrance}/healthz`)).ok);
  });
  afterAll(async () => {
    await haproxy.stop();
    await relay.stop();
    await provider.close();
    await block.release();
    clips.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const onAir = (clock = createFeedClock()) => live(clip, { bytesPerTick: 4000, clock });

  test('what a client gets goes on over a failover', async () => {
    provider.at('/one.ts', onAir());
    provider.at('/two.ts', onAir());
    const id = await addStream(relay.url, provider.url('/one.ts'), provider.url('/two.ts'));
    const reader = await readStream(`http://${entrance}/stream/${id}`);
    await reader.more(100 * 188);
    provider.cut('/one.ts', 'reset');
    await provider.waitForRequests('/two.ts', 1);
    await reader.more(clip.length / 2);
    expect(reader.ended).toBeUndefined();
    reader.leave();
    await until('the provider to be left', () => provider.open('/two.ts') === 0);
  });

  test('a client that leaves frees the provider, also while that is silent', async () => {
    provider.at('/silent.ts', onAir());
    const id = await addStream(relay.url, provider.url('/silent.ts'));
    const reader = await readStream(`http://${entrance}/stream/${id}`);
    await reader.more(188);
    provider.stall('/silent.ts');
    reader.leave();
    // HAProxy 2.6 notices it by the null packets, later versions by themselves.
    await until('the provider to be left', () => provider.open('/silent.ts') === 0);
  });
});
