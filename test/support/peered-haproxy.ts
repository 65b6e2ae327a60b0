import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Haproxy, startHaproxy } from './haproxy';
import type { LoopbackBlock } from './loopback-block';

/** The shipped haproxy.cfg with an agent's address as its peer; nobody else is there. */
export interface PeeredHaproxy {
  readonly haproxy: Haproxy;
  /** Where it looks for the agent's peers port. */
  readonly agent: { readonly host: string; readonly port: number };
  /** Puts entries into the table `sessions`, bound to server mtx1; it pushes them as it does with its own. */
  addSessions(keys: readonly string[]): Promise<void>;
  /** The keys of the table `sessions`, sorted. */
  sessions(): Promise<string[]>;
  /** What it thinks of the agent's link: `ESTA`, `CONN`, `RECO` … */
  linkStatus(): Promise<string>;
  /** Reloads at once, however old the process is, and waits for the new worker to be as old as a handover of tables takes. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** @param agentName what HAProxy calls the agent in its `peer` line, instead of `mtxpilot`. */
export async function startPeeredHaproxy(
  block: LoopbackBlock,
  number: number,
  agentName?: string,
): Promise<PeeredHaproxy> {
  const home = block.address(number);
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-peered-'));
  cpSync('haproxy', folder, { recursive: true });
  if (agentName !== undefined) {
    const config = readFileSync(join(folder, 'haproxy.cfg'), 'utf8');
    writeFileSync(join(folder, 'haproxy.cfg'), config.replace('peer mtxpilot ', `peer ${agentName} `));
  }
  const agent = { host: home, port: 9102 };
  const haproxy = await startHaproxy({
    bind: `${home}:8080`,
    servers: [],
    config: join(folder, 'haproxy.cfg'),
    env: { MTX_AGENT_PEER: `${agent.host}:${agent.port}`, MTX_AGENT: `${home}:9100` },
  });
  return {
    haproxy,
    agent,
    async addSessions(keys) {
      for (const key of keys) {
        const reply = await haproxy.runtime(`set table sessions key ${key} data.server_id 1`);
        if (reply.trim() !== '') throw new Error(`${key}: ${reply}`);
      }
    },
    async sessions() {
      const table = await haproxy.runtime('show table sessions');
      return [...table.matchAll(/ key=(\S+) /g)].map(([, key = '']) => key).sort();
    },
    async linkStatus() {
      const peers = await haproxy.runtime('show peers');
      return /id=mtxpilot\([^)]*\).*? last_status=(\w+)/s.exec(peers)?.[1] ?? '';
    },
    reload: () => haproxy.reloadNow(),
    async stop() {
      await haproxy.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
