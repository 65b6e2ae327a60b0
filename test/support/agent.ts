import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Child, startChild } from './child-process';
import { GiveUp, until } from './until';

/** The built agent as a child process. */
export interface Agent {
  readonly child: Child;
  readonly url: string;
  /** Its admin socket, in a folder of its own. */
  readonly adminSocket: string;
  /** GET of a JSON path of its API. */
  get(path: string): Promise<{ status: number; body: unknown; headers: Headers }>;
  /** The sum of a metric's samples whose labels contain `labels`. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface AgentOptions {
  readonly spoe: string;
  readonly http: string;
  readonly haproxySocket: string;
  /** Whether routes.map is kept filled. Default false: a test that does not say so is about the questions that HAProxy asks. */
  readonly push?: boolean | undefined;
  /** Further configuration, as in mtxpilot.yaml; its sections `spoe`, `http`, `haproxy` and `peers` are added to what the other options say. */
  readonly config?: Record<string, unknown>;
  /** Environment variables beside those of this process. */
  readonly env?: Record<string, string> | undefined;
}

/** Starts the agent and waits until it has evidence, or, with `waitFor: 'process'`, only until it answers. */
export async function startAgent(options: AgentOptions, waitFor: 'evidence' | 'process' = 'evidence'): Promise<Agent> {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-agent-'));
  const file = join(folder, 'mtxpilot.yaml');
  const { spoe, http, haproxy, peers, ...others } = options.config ?? {};
  // Beside the HTTP address: the default one would be shared by all tests on the machine.
  const peersListen = options.http.replace(/\d+$/, (port) => String(Number(port) + 1));
  const adminSocket = join(folder, 'admin.sock');
  writeFileSync(
    file,
    stringify({
      spoe: Object.assign({ listen: options.spoe }, spoe),
      http: Object.assign({ listen: options.http, adminSocket }, http),
      haproxy: Object.assign(
        { socket: options.haproxySocket, map: options.push === true ? 'routes.map' : 'off' },
        haproxy,
      ),
      peers: Object.assign({ listen: peersListen }, peers),
      // Its requests would be counted among those that a test counts.
      check: { atStart: false },
      ...others,
    }),
  );
  const child = startChild(process.execPath, ['dist/cli/main.js', 'agent', '--config', file], options.env);
  const url = `http://${options.http}`;
  const agent: Agent = {
    child,
    url,
    adminSocket,
    async get(path) {
      const response = await fetch(url + path);
      return { status: response.status, body: await response.json(), headers: response.headers };
    },
    async metric(name, labels = {}) {
      const text = await (await fetch(`${url}/metrics`)).text();
      const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
      let sum = 0;
      for (const line of text.split('\n')) {
        const match = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/.exec(line);
        if (match?.[1] === name && wanted.every((label) => (match[2] ?? '').includes(label))) sum += Number(match[3]);
      }
      return sum;
    },
    async stop(signal) {
      await child.stop(signal);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await until(`the agent on ${options.http}`, async () => {
    if (child.process.exitCode !== null) throw new GiveUp(`the agent ended: ${child.lines.join('\n')}`);
    return (await fetch(`${url}${waitFor === 'evidence' ? '/readyz' : '/healthz'}`)).ok;
  }).catch(async (error: unknown) => {
    await agent.stop('SIGKILL');
    throw error;
  });
  return agent;
}
