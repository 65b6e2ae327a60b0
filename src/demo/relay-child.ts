import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent } from 'undici';
import { splitAddress } from './addresses';
import { type Child, startChild } from './child';
import type { Ending } from './ending';
import { packageRoot } from './package-root';
import { waitFor } from './wait-for';

/** What the relay has done so far for the stream of the demo. */
export interface RelayFigures {
  /** Place of the source that plays; null while none does. */
  readonly source: number | null;
  readonly failovers: number;
  /** From the last byte of one source to the first of the next, of the last failovers, oldest first. */
  readonly gapsMs: readonly number[];
}

/** The relay, run as operators run it, with one stream. */
export interface RelayChild {
  readonly child: Child;
  /** Base URL of its API. */
  readonly url: string;
  /** The stream's id. */
  readonly streamId: string;
  /** Undefined when it does not answer. */
  figures(): Promise<RelayFigures | undefined>;
  stop(): Promise<void>;
}

export interface RelayChildOptions {
  /** `host:port` to listen on. */
  readonly address: string;
  /** The sources of the stream, in order. */
  readonly sources: readonly string[];
  /** Where its configuration may be written. */
  readonly folder: string;
  /** Is told when it dies. */
  readonly ending: Ending;
}

interface Why {
  readonly current: number | null;
  readonly failovers: number;
  readonly recentFailovers: readonly { readonly byteGapMs: number }[];
}

/** @throws DemoError when it ends before it answers, with its last log lines. */
export async function startRelayChild(options: RelayChildOptions): Promise<RelayChild> {
  const { address, sources, folder, ending } = options;
  const file = join(folder, 'relay.yaml');
  const { host } = splitAddress(address);
  const others =
    /^(?:MTXPILOT_.*|HOST|PORT|LOG_LEVEL|API_TOKEN|ROOT_PATH|DEFAULT_USER_AGENT|CLIENT_TIMEOUT|STREAM_TIMEOUT)$/;
  await writeFile(
    file,
    // JSON is YAML.
    JSON.stringify({ relay: { listen: address, allow: [host], trustedProxies: [host] }, log: { level: 'error' } }),
  );
  const child = await startChild({
    title: 'the relay',
    command: process.execPath,
    args: [join(packageRoot, 'dist/cli/main.js'), 'relay', '--config', file],
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !others.test(name))),
    cwd: folder,
    missing: `there is no ${process.execPath}`,
  });
  ending.watch(child);
  const url = `http://${address}`;
  const connections = new Agent({ bodyTimeout: 2000, headersTimeout: 2000 });
  const ask = async (path: string, body?: unknown): Promise<unknown> => {
    const { statusCode, body: answer } = await connections.request({
      origin: url,
      path,
      ...(body === undefined
        ? { method: 'GET' }
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (statusCode !== 200) throw new Error(`${url}${path} answered ${statusCode}`);
    return JSON.parse(text);
  };
  const stop = async (): Promise<void> => {
    await child.stop();
    await connections.destroy();
  };
  try {
    await waitFor(`the relay to answer on ${url}`, async () => (await ask('/healthz')) !== undefined, ending.reason);
    const [primary, ...backups] = sources;
    const made = await ask('/streams', { url: primary, failover_urls: backups, metadata: { title: 'demo channel' } });
    const { stream_id: streamId } = made as { readonly stream_id: string };
    return {
      child,
      url,
      streamId,
      async figures() {
        const why = (await ask(`/streams/${streamId}/why`).catch(() => undefined)) as Why | undefined;
        if (why === undefined) return undefined;
        const { current, failovers, recentFailovers } = why;
        return { source: current, failovers, gapsMs: recentFailovers.map(({ byteGapMs }) => byteGapMs).reverse() };
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
