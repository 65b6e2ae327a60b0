import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent } from 'undici';
import type { DemoAddresses } from './addresses';
import { type Child, startChild } from './child';
import type { Ending } from './ending';
import { packageRoot } from './package-root';
import { sumOfMetric } from './sum-of-metric';
import { waitFor } from './wait-for';

/** What the agent has done so far. */
export interface AgentFigures {
  /** Decisions that HAProxy got, by state. */
  readonly decisions: { readonly located: number; readonly placed: number; readonly unknown: number };
  /** Calls to the servers' Control APIs. */
  readonly apiCalls: number;
}

/** The agent, run as operators run it. */
export interface AgentChild {
  readonly child: Child;
  /** Base URL of its HTTP API. */
  readonly url: string;
  /** Resolves when it has seen every one of these streams. */
  knows(streams: readonly string[]): Promise<void>;
  /** Its counters, read from its metrics; undefined when it does not answer. */
  figures(): Promise<AgentFigures | undefined>;
  stop(): Promise<void>;
}

export interface AgentChildOptions {
  readonly addresses: DemoAddresses;
  readonly haproxySocket: string;
  /** Where its configuration may be written. */
  readonly folder: string;
  /** Is told when it dies. */
  readonly ending: Ending;
}

/** @throws DemoError when it ends before it answers, with its last log lines. */
export async function startAgentChild(options: AgentChildOptions): Promise<AgentChild> {
  const { addresses, haproxySocket, folder, ending } = options;
  const file = join(folder, 'mtxpilot.yaml');
  await writeFile(
    file,
    // JSON is YAML.
    JSON.stringify({
      spoe: { listen: addresses.spoe },
      http: { listen: addresses.http },
      peers: { listen: addresses.agentPeer },
      // Without routes.map HAProxy asks for every master playlist: that is what the page and the summary count.
      haproxy: { socket: haproxySocket, map: 'off' },
      // Its canaries are decisions too, and nobody's session.
      check: { atStart: false },
      log: { level: 'warn' },
    }),
  );
  const child = await startChild({
    title: 'the agent',
    command: process.execPath,
    args: [join(packageRoot, 'dist/cli/main.js'), 'agent', '--config', file],
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MTXPILOT_'))),
    cwd: folder,
    missing: `there is no ${process.execPath}`,
  });
  ending.watch(child);
  const url = `http://${addresses.http}`;
  const connections = new Agent({ bodyTimeout: 2000, headersTimeout: 2000 });
  const get = async (path: string): Promise<string> => {
    const { statusCode, body } = await connections.request({ origin: url, path, method: 'GET' });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${url}${path} answered ${statusCode}`);
    return text;
  };
  const stop = async (): Promise<void> => {
    await child.stop();
    await connections.destroy();
  };
  try {
    await waitFor(`the agent to answer on ${url}`, async () => (await get('/healthz')) !== '', ending.reason);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    child,
    url,
    knows: (streams) =>
      waitFor(
        'the agent to see all streams',
        async () => {
          const list = await get('/v1/streams');
          return streams.every((stream) => list.includes(`"name":"${stream}"`));
        },
        ending.reason,
      ),
    async figures() {
      const text = await get('/metrics').catch(() => undefined);
      return text === undefined ? undefined : figuresOf(text);
    },
    stop,
  };
}

function figuresOf(metrics: string): AgentFigures {
  const decisions = (state: string) => sumOfMetric(metrics, 'mtxpilot_decisions_total', { bridge: 'spoe', state });
  return {
    decisions: { located: decisions('located'), placed: decisions('placed'), unknown: decisions('unknown') },
    apiCalls: sumOfMetric(metrics, 'mtxpilot_api_calls_total', {}),
  };
}
