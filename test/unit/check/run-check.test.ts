import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runCheck } from '../../../src/check';
import { loadSettings } from '../../../src/config';
import { shippedConfig } from '../../fixtures/check/apply';

/** Nothing of it runs, unless a test starts it: a static server on a port that nobody has, and no HAProxy is asked. */
async function check(options: { file?: string; agentUrl?: string; bin?: string } = {}) {
  const { bin = '/nonexistent/haproxy', ...given } = options;
  const loaded = loadSettings({
    standardFiles: [],
    flags: [],
    env: {
      MTXPILOT_SERVERS: '[{"name":"mtx1","address":"127.0.0.1:1"}]',
      MTXPILOT_HAPROXY_BIN: bin,
    },
  });
  if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
  const findings = await runCheck({
    settings: loaded.settings,
    agentUrl: 'http://127.0.0.1:99999',
    env: {},
    ...given,
  });
  return (id: string) =>
    findings.filter((finding) => finding.id === id).map(({ severity, what }) => `${severity}: ${what}`);
}

it('says that a file cannot be read', async () => {
  const found = await check({ file: '/nonexistent/haproxy.cfg' });
  expect(found('config.read')).toEqual([
    expect.stringMatching(/^error: \/nonexistent\/haproxy\.cfg cannot be read: .*\.$/),
  ]);
  // It goes on with what does not depend on the file.
  expect(found('server.hls')).toHaveLength(1);
  expect(found('agent.answers')).toEqual([expect.stringMatching(/^error: No agent answers at /)]);
});

it.each([
  ['/nonexistent/haproxy', /^warning: The configuration was not checked by HAProxy: there is no program /],
  ['/etc/passwd', /^warning: The configuration was not checked by HAProxy: \/etc\/passwd may not be executed\.$/],
])('says that there is no program to ask: %s', async (bin, said) => {
  const config = shippedConfig();
  const found = await check({ file: config.file, bin });
  config.remove();
  expect(found('config.program')).toEqual([expect.stringMatching(said)]);
  expect(found('config.valid')).toEqual([]);
});

it('flies no canary where it is not known where viewers come in', async () => {
  const agent = createServer((_, response) => response.end('{}'));
  await new Promise<void>((done) => agent.listen(0, '127.0.0.1', done));
  const config = shippedConfig({
    name: 'a socket for viewers',
    line: 'bind "${MTX_BIND-127.0.0.1:8080}"',
    instead: 'bind /run/viewers.sock',
    finds: [],
  });
  const found = await check({
    file: config.file,
    agentUrl: `http://127.0.0.1:${(agent.address() as AddressInfo).port}`,
  });
  config.remove();
  agent.closeAllConnections();
  await new Promise((done) => agent.close(done));
  expect(found('canary')).toEqual(['warning: It is not known where viewers come in.']);
});
