import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { haproxyVersion } from '../support/haproxy';
import { startLab } from '../support/lab';
import { until } from '../support/until';

interface Controlled {
  readonly name: string;
  readonly control: {
    readonly wanted: string;
    readonly because: string;
    readonly intent?: { readonly operator: string };
  };
}

const token = 'a-token-for-this-test';

it(`HAProxy ${haproxyVersion}: an agent that is killed right after its orders keeps them, and gives none twice`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-store-'));
  const lab = await startLab({ push: true, agentConfig: { http: { token }, store: { folder } } });
  try {
    const order = async (server: string, kind: string) => {
      const response = await fetch(`${lab.agent.url}/v1/servers/${server}/${kind}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ reason: 'update', operator: 'ada' }),
      });
      if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    };
    const wanted = async () => {
      const { servers } = (await lab.agent.get('/v1/servers')).body as { servers: Controlled[] };
      return servers.map(({ name, control }) => `${name} ${control.wanted}: ${control.because}`);
    };
    const adminBits = async () => {
      const text = await lab.haproxy.runtime('show servers state mtx');
      return text.split('\n').flatMap((line) => (/^\d+ mtx /.test(line) ? [Number(line.split(' ')[6])] : []));
    };
    const commands = () => lab.agent.metric('mtxpilot_control_commands_total', { command: 'set_state' });
    const asOrdered = ['mtx1 drain: ada: update', 'mtx2 ready: no order says otherwise', 'mtx3 maint: ada: update'];

    await order('mtx1', 'drain');
    await order('mtx3', 'maint');
    await lab.agent.stop('SIGKILL');
    await lab.restartAgent();
    await until('the orders', async () => JSON.stringify(await wanted()) === JSON.stringify(asOrdered));
    const polls = await lab.agent.metric('mtxpilot_haproxy_polls_total');
    await until('some looks', async () => (await lab.agent.metric('mtxpilot_haproxy_polls_total')) > polls + 3);
    expect(await wanted()).toEqual(asOrdered);
    expect(await adminBits()).toEqual([8, 0, 1]);
    expect(await commands()).toBe(0);

    // Both at once: HAProxy has forgotten, the agent has not.
    await lab.agent.stop('SIGKILL');
    await lab.haproxy.restart('SIGKILL');
    await lab.restartAgent();
    await until('the states', async () => JSON.stringify(await adminBits()) === JSON.stringify([8, 0, 1]));
    expect(await commands()).toBe(2);
  } finally {
    await lab.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
