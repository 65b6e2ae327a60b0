import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from '../support/child-process';
import { createFaultProvider, createFeedClock, type FaultProvider, live, status } from '../support/fault-provider';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { readStream } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { GiveUp, until } from '../support/until';

describe('what the README says of the relay', () => {
  const [, section = ''] =
    /\n## Put provider streams behind it\n(.*?)\n## /s.exec(readFileSync('README.md', 'utf8')) ?? [];
  const commands = [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, command = '']) => command);
  let block: LoopbackBlock;
  let clips: ClipFolder;
  let provider: FaultProvider;
  let folder: string;
  let relay: Child | undefined;

  beforeAll(async () => {
    block = await takeLoopbackBlock();
    clips = createClipFolder();
    provider = await createFaultProvider({ host: block.address(3) });
    folder = mkdtempSync(join(tmpdir(), 'mtxpilot-readme-'));
  });
  afterAll(async () => {
    await relay?.stop();
    await provider.close();
    await block.release();
    clips.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The command as it is written, but for addresses and folders that belong to this test. */
  function mine(command: string): string {
    return command
      .replaceAll('/var/lib/mtxpilot-relay', join(folder, 'store'))
      .replaceAll('127.0.0.1:8085', `${block.address(2)}:8085`)
      .replaceAll('http://provider.example', provider.url(''))
      .replaceAll('http://backup.example', provider.url(''));
  }

  it('starts it, registers a stream with its backup, and a player gets it from the backup', async () => {
    const [start = '', register = ''] = commands.map(mine);
    expect(commands).toHaveLength(2);
    const clip = clips.clip({ seconds: 4 });
    provider.at('/live/1.ts', status(503));
    provider.at('/1.ts', live(clip, { bytesPerTick: 4000, clock: createFeedClock() }));
    relay = startChild('sh', ['-c', `exec env ${start}`], {
      HOST: block.address(2),
      PORT: '',
      LOG_LEVEL: '',
      MTXPILOT_RELAY_ALLOW: '[127.0.0.0/8]',
    });
    const { lines, process: started } = relay;
    await until('the relay', () => {
      if (started.exitCode !== null) throw new GiveUp(`the relay ended: ${lines.join('\n')}`);
      return lines.some((line) => line.includes('mtxpilot relay is running'));
    });
    const answer = execFileSync('sh', ['-ec', register], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const { stream_id: id } = JSON.parse(answer) as { stream_id: string };
    const reader = await readStream(`http://${block.address(2)}:8085/stream/${id}`, { keepBytes: 188 });
    expect(reader.status).toBe(200);
    await reader.more(100 * 188);
    reader.leave();
  });
});
