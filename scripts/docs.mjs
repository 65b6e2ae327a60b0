// npm run docs: writes the references that are made from the code. A test holds them to it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { build } from './setup.mjs';

build();
const require = createRequire(import.meta.url);
const { renderReference } = require('../dist/config');
const { createMetrics } = require('../dist/agent/metrics');
const { operations } = require('../dist/measure');
const { createRelayMetrics } = require('../dist/relay/metrics');
const { relayOperations } = require('../dist/relay/operations');

mkdirSync('docs', { recursive: true });
writeFileSync('docs/configuration.md', configurationPage(renderReference()));
// The relay serves some of the agent's components as well.
const ofRelay = createRelayMetrics()
  .list()
  .filter(({ component }) => component === 'Relay');
writeFileSync('docs/metrics.md', metricsPage([...createMetrics().list(), ...ofRelay]));
process.exit(0);

function configurationPage(table) {
  return `# Configuration

The agent reads \`mtxpilot.yaml\` in its working directory or in \`/etc/mtxpilot/\`, then environment variables, then its flags; later ones win. Nothing is
required. \`mtxpilot agent --help\` lists the flags; \`--set key=value\` takes any key. \`mtxpilot config\` prints the effective values and where they come
from. A list may be given to a variable as \`10.0.0.0/8, 192.168.1.20\`. haproxy.cfg is set by the environment variables that its head lists.

\`mtxpilot relay\` reads the same file, the sections \`relay\` and \`log\` of it, and \`viewers\`, \`keep\` and \`webhooks\` of \`events\`. Below \`MTXPILOT_*\` it takes the environment of m3u-proxy:
\`HOST\`, \`PORT\`, \`LOG_LEVEL\`, \`API_TOKEN\`, \`ROOT_PATH\`, \`DEFAULT_USER_AGENT\`, and in seconds \`CLIENT_TIMEOUT\` and \`STREAM_TIMEOUT\`; and that of acestream-orchestrator: \`STREAM_MODE\`,
\`HLS_MAX_SEGMENTS\`, \`HLS_INITIAL_SEGMENTS\`, \`HLS_WINDOW_SIZE\`, \`HLS_INITIAL_BUFFER_SECONDS\`, \`HLS_MAX_INITIAL_SEGMENTS\`, \`HLS_SEGMENT_FETCH_INTERVAL\`, and in
seconds \`HLS_BUFFER_READY_TIMEOUT\` and \`HLS_FIRST_SEGMENT_TIMEOUT\` (also with \`_S\` behind them). These nine can be changed while the relay runs; what was changed
stands above all of this until it is reset ([relay.md](relay.md#settings-of-hls)).

Durations are written \`80ms\`, \`2s\`, \`30m\`, \`1h\`; a bare number is milliseconds. \`HOST:PORT\` is \`127.0.0.1:9101\`, \`[::1]:9101\` or,
to listen on every IPv4 address, \`*:9101\`. Bounds are inclusive. Generated from the code by \`npm run docs\`.

${table.trim()}

\`\`\`yaml
# mtxpilot.yaml: all of it is optional
mediamtx:
  username: pilot
  passwordFile: /etc/mtxpilot/password
  servers:
    mtx3: { api: 'http://10.0.0.13:9998' }
holders:
  - { match: 'replicated/**', policy: spread }
\`\`\`
`;
}

function metricsPage(metrics) {
  const components = [...new Set(metrics.map(({ component }) => component))];
  return `# Metrics

What \`/metrics\` serves for Prometheus, by component. No label ever carries the name of a stream or a viewer. Generated from the code by \`npm run docs\`.

\`/metrics/performance?operation=NAME&window=5m\` says without Prometheus how long operations took lately, in JSON: count, errors, and min, mean, p50,
p95, p99 and max in milliseconds (within 1.6 %), over the last 15 s to 1 h. Without \`operation\` it lists all of them:

| Operation | What is measured |
| --- | --- |
${Object.entries(operations)
  .map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)
  .join('\n')}

The relay has its own \`/metrics\`, with the components Relay, HTTP, Webhooks, Store and Process, and its own operations:

| Operation | What is measured |
| --- | --- |
${Object.entries(relayOperations)
  .map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)
  .join('\n')}

${components.map((component) => componentTable(component, metrics)).join('\n')}`;
}

function componentTable(component, metrics) {
  const rows = metrics
    .filter((metric) => metric.component === component)
    .map(
      ({ name, type, help, labels }) =>
        `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help} |`,
    );
  return `## ${component}

| Metric | Type | Labels | Meaning |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
