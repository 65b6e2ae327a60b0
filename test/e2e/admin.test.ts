import { existsSync, statSync } from 'node:fs';
import { startAgent } from '../support/agent';
import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { until } from '../support/until';

const token = 'correct-horse-battery-staple';

interface Line {
  readonly audit?: boolean;
  readonly [field: string]: unknown;
}

describe(`HAProxy ${haproxyVersion}: who may change something`, () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab({ agentConfig: { http: { token } } });
    lab.fleet.server('mtx1').publish('live/a');
    await lab.located('live/a', 'mtx1');
  });
  afterAll(() => lab.stop());

  const post = (path: string, headers: Record<string, string>, body: unknown = { operator: 'alice', reason: 'test' }) =>
    fetch(lab.agent.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const auditLines = (): Line[] =>
    lab.agent.child.lines.flatMap((line) => {
      const parsed = line.startsWith('{') ? (JSON.parse(line) as Line) : {};
      return parsed.audit === true ? [parsed] : [];
    });
  const administrative = async (server: string) => {
    const states = await lab.haproxy.runtime('show servers state mtx');
    return states
      .split('\n')
      .find((line) => line.split(' ')[3] === server)
      ?.split(' ')[6];
  };

  it('TCP without the token: refused, HAProxy untouched', async () => {
    expect((await post('/v1/servers/mtx2/maint', {})).status).toBe(401);
    expect((await post('/v1/servers/mtx2/maint', { authorization: 'Bearer wrong' })).status).toBe(401);
    expect(await administrative('mtx2')).toBe('0');
  });

  it('TCP with the token: carried out in HAProxy, noted with name and address, never with the token', async () => {
    const reply = await post('/v1/servers/mtx2/maint', { authorization: `Bearer ${token}` });
    expect({ status: reply.status, body: await reply.json() }).toMatchObject({
      status: 200,
      body: { name: 'mtx2', wanted: 'maint', intent: { operator: 'alice', reason: 'test' } },
    });
    await until('HAProxy to have it in maintenance', async () => (await administrative('mtx2')) === '1');
    expect(auditLines()).toContainEqual(
      expect.objectContaining({ change: 'maint', target: 'mtx2', operator: 'alice', via: 'token', result: 'done' }),
    );
    expect(lab.agent.child.lines.join('\n')).not.toContain(token);
    expect((await post('/v1/servers/mtx2/ready', { authorization: `Bearer ${token}` })).status).toBe(200);
    await until('HAProxy to use it again', async () => (await administrative('mtx2')) === '0');
  });

  it('the admin socket is for the user of the agent alone', () => {
    expect(statSync(lab.agent.adminSocket).mode & 0o777).toBe(0o600);
  });

  it('every change and refusal is counted', async () => {
    expect(await lab.agent.metric('mtxpilot_changes_total', { result: 'done' })).toBe(2);
    expect(await lab.agent.metric('mtxpilot_changes_total', { result: 'refused' })).toBe(2);
  });
});

describe('the admin socket of an agent', () => {
  it('that was killed does not keep the next one from its place; one that ends takes its socket along', async () => {
    const lab = await startLab();
    try {
      const { adminSocket } = lab.agent;
      lab.agent.child.process.kill('SIGKILL');
      await lab.agent.child.exited;
      expect(existsSync(adminSocket)).toBe(true);
      const home = lab.block.address(1);
      const next = await startAgent({
        spoe: `${home}:9100`,
        http: `${home}:9101`,
        haproxySocket: lab.haproxy.socket,
        config: { http: { adminSocket } },
      });
      expect(statSync(adminSocket).isSocket()).toBe(true);
      await next.stop();
      expect(existsSync(adminSocket)).toBe(false);
    } finally {
      await lab.stop();
    }
  });
});

describe('a publisher that moves', () => {
  let lab: Lab;
  beforeAll(async () => {
    // Lists so seldom that what is known in time was reported.
    lab = await startLab({ agentConfig: { directory: { interval: '1h' }, lookup: { budget: 10 } } });
  });
  afterAll(() => lab.stop());

  const report = (body: unknown, query = '') =>
    fetch(`${lab.agent.url}/v1/hooks/mediamtx${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const server = async (stream: string) => {
    const { body } = await lab.agent.get(`/v1/streams/${stream}`);
    return (body as { holders?: { server: string; evidence: { source: string } }[] }).holders?.[0];
  };

  it('is known by a hook alone, and by what MediaMTX asks when it lets a publisher in', async () => {
    const [mtx1, mtx2, mtx3] = ['mtx1', 'mtx2', 'mtx3'].map((name) => lab.fleet.server(name));
    mtx1?.publish('live/a');
    expect((await report({ stream: 'live/a', event: 'ready', server: 'mtx1' })).status).toBe(202);
    await until('mtx1 to have it', async () => (await server('live/a'))?.server === 'mtx1');
    expect(await server('live/a')).toMatchObject({ evidence: { source: 'push' } });

    mtx1?.unpublish('live/a');
    mtx2?.publish('live/a');
    await report({ stream: 'live/a', event: 'notReady', server: 'mtx1' });
    await report({ stream: 'live/a', event: 'ready', server: 'mtx2' });
    await until('mtx2 to have it', async () => (await server('live/a'))?.server === 'mtx2');

    mtx2?.unpublish('live/a');
    await report({ stream: 'live/a', event: 'notReady', server: 'mtx2' });
    const question = { action: 'publish', path: 'live/a', ip: '192.0.2.1', user: '', password: 'x', protocol: 'rtsp' };
    const answered = report(question, '?server=mtx3');
    mtx3?.publish('live/a');
    expect((await answered).status).toBe(202);
    await until('mtx3 to have it', async () => (await server('live/a'))?.server === 'mtx3');
    expect(lab.agent.child.lines.join('\n')).not.toContain('"password"');
  });

  it('a flood of reports asks no more than the budget allows', async () => {
    const startedMs = performance.now();
    const before = await lab.agent.metric('mtxpilot_api_calls_total', { call: 'paths/get' });
    for (let batch = 0; batch < 15; batch++) {
      const names = Array.from({ length: 100 }, (_, i) => `flood/${batch}-${i}`);
      await Promise.all(names.map((stream) => report({ stream, event: 'ready', server: 'mtx1' })));
    }
    await until(
      'all to be answered',
      async () => (await lab.agent.metric('mtxpilot_hook_reports_total', { result: 'asked' })) >= 1500,
    );
    const asked = (await lab.agent.metric('mtxpilot_api_calls_total', { call: 'paths/get' })) - before;
    const overBudget = await lab.agent.metric('mtxpilot_lookups_total', { result: 'over_budget' });
    expect(asked).toBeGreaterThan(0);
    // As many a second as lookup.budget says, and as many at once after a quiet time.
    expect(asked).toBeLessThanOrEqual(10 * ((performance.now() - startedMs) / 1000 + 1) + 1);
    expect(asked + overBudget).toBeLessThanOrEqual(1500);
    expect(overBudget).toBeGreaterThan(0);
  });
});
