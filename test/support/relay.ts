import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Child, startChild } from './child-process';
import { GiveUp, until } from './until';

/** The built relay as a child process. */
export interface RelayProcess {
  readonly child: Child;
  /** Where it listens. */
  readonly url: string;
  /** The folder of its store, which outlives it. */
  readonly storeFolder: string;
  /** Everything that it wrote to its outputs so far. */
  log(): string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface RelayProcessOptions {
  /** The section `relay` of its configuration; it listens on a free port, and stores in a folder, unless this says something else. */
  readonly relay?: Readonly<Record<string, unknown>>;
  /** Other sections. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Record<string, string>;
  /** That of an earlier one, to go on with its streams. A new one when left out, which `stop` removes. */
  readonly storeFolder?: string;
}

/** Starts the relay and waits until it serves. */
export async function startRelay(options: RelayProcessOptions = {}): Promise<RelayProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-relay-'));
  const storeFolder = options.storeFolder ?? join(folder, 'store');
  const file = join(folder, 'mtxpilot.yaml');
  const relay = { listen: '127.0.0.1:0', store: { folder: storeFolder }, ...options.relay };
  writeFileSync(file, stringify({ ...options.config, relay }));
  // Whatever the machine has set.
  const env = { HOST: '', PORT: '', LOG_LEVEL: '', API_TOKEN: '', ...options.env };
  const child = startChild(process.execPath, ['dist/cli/main.js', 'relay', '--config', file], env);
  const stop = async (signal?: NodeJS.Signals): Promise<void> => {
    await child.stop(signal);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const url = await until('the relay', () => {
      const line = child.lines.find((one) => one.includes('mtxpilot relay is running'));
      if (line !== undefined) return (JSON.parse(line) as { listen: string }).listen;
      if (child.process.exitCode !== null) throw new GiveUp(`the relay ended: ${child.lines.join('\n')}`);
      return undefined;
    });
    return { child, url, storeFolder, log: () => child.lines.join('\n'), stop };
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }
}
