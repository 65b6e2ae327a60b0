import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { listening, otherCores, type Process, start } from './processes';

export interface AgentOptions {
  /** Takes its configuration. */
  readonly folder: string;
  /** Where it listens for HTTP: `127.0.0.1:9101`. */
  readonly http: string;
  /** By default, all but HAProxy's core. */
  readonly cores?: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** The agent as it was built, in a process of its own, when it listens. */
export async function startAgent({ folder, http, cores = otherCores, settings }: AgentOptions): Promise<Process> {
  const file = join(folder, `agent-${http}.yaml`);
  const own = {
    http: { listen: http, adminSocket: 'off' },
    // Its canaries would be counted among the load.
    check: { atStart: false },
    log: { level: 'error' },
  };
  writeFileSync(file, stringify({ ...own, ...settings }));
  const agent = start(cores, process.execPath, [resolve('dist/cli/main.js'), 'agent', '--config', file]);
  const [host = '', port = ''] = http.split(':');
  await listening(host, Number(port));
  return agent;
}

/** Decisions that an agent has given so far, from its metrics; `http` is its address. */
export async function decisionCount(http: string): Promise<number> {
  const text = await (await fetch(`http://${http}/metrics`)).text();
  const decisions = [...text.matchAll(/^mtxpilot_decisions_total\{.*\} (\d+)$/gm)];
  return decisions.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** How many streams an agent knows; `http` is its address. */
export async function streamsKnown(http: string): Promise<number> {
  const { total } = (await (await fetch(`http://${http}/v1/streams?limit=1`)).json()) as { total: number };
  return total;
}

/** How many entries HAProxy's routes.map has, as the agent tells it; `http` is its address. */
export async function routesPushed(http: string): Promise<number> {
  const text = await (await fetch(`http://${http}/metrics`)).text();
  return Number(/^mtxpilot_routes\{.*\} (\d+)$/m.exec(text)?.[1] ?? 0);
}
