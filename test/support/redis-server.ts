import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child-process';
import { takeLoopbackBlock } from './loopback-block';
import { GiveUp, until } from './until';

/** A redis-server of the test's own, that keeps every change at once. */
export interface RedisServer {
  readonly url: string;
  /** Ends it in this way; what was acknowledged stays on the disk. */
  halt(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same address and folder. */
  restart(): Promise<void>;
  /** Freezes it, as a machine does that hangs; and lets it go on. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes everything. */
  stop(): Promise<void>;
}

interface RedisOptions {
  /** What clients must give. */
  readonly password?: string;
  /** The primary of which it is a replica. */
  readonly replicaOf?: Pick<RedisServer, 'url'>;
}

export async function startRedis({ password, replicaOf }: RedisOptions = {}): Promise<RedisServer> {
  const block = await takeLoopbackBlock();
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-redis-'));
  const address = block.address(1);
  let child: Child;

  async function start(): Promise<void> {
    child = startChild('redis-server', [
      ...['--bind', address, '--port', '6379', '--dir', folder, '--save', ''],
      ...['--appendonly', 'yes', '--appendfsync', 'always'],
      // Its folder can be changed while it runs.
      ...['--enable-protected-configs', 'local'],
      ...(replicaOf === undefined ? [] : ['--replicaof', `${new URL(replicaOf.url).hostname} 6379`]),
      ...(password === undefined ? [] : ['--requirepass', password]),
    ]);
    await until('redis-server', () => {
      if (child.process.exitCode !== null) throw new GiveUp(`redis-server ended: ${child.lines.join('\n')}`);
      return child.lines.some((line) => line.includes('Ready to accept connections'));
    });
  }
  await start();
  return {
    url: `redis://${address}:6379/0`,
    halt: (signal = 'SIGTERM') => child.stop(signal),
    restart: start,
    freeze: () => child.process.kill('SIGSTOP'),
    thaw: () => child.process.kill('SIGCONT'),
    async stop() {
      await child.stop('SIGKILL');
      await block.release();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
