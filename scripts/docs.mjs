// npm run docs: writes the references that are made from the code. A test holds them to it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { build } from './setup.mjs';

build();
const require = createRequire(import.meta.url);
const { renderReference } = require('../dist/config');
const { createMetrics } = require('../dist/metrics');

mkdirSync('docs', { recursive: true });
writeFileSync('docs/configuration.md', configurationPage(renderReference()));
writeFileSync('docs/metrics.md', metricsPage((await createMetrics().render()).body));
process.exit(0);

function configurationPage(table) {
  return `# Configuration

In \`mtxpilot.yaml\` (YAML), as environment variables, or as flags of \`mtxpilot agent\` (\`mtxpilot agent --help\` lists them; \`--set key=value\` takes
any key). Durations are written \`80ms\`, \`2s\`, \`30m\`, \`1h\`; a bare number is milliseconds. \`HOST:PORT\` is \`127.0.0.1:9101\`, \`[::1]:9101\` or,
to listen on every IPv4 address, \`*:9101\`. Bounds are allowed themselves. Made from the code by \`npm run docs\`.

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

function metricsPage(text) {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  const rows = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(
    ([, name, help]) => `| \`${name}\` | ${types.get(name)} | ${help} |`,
  );
  return `# Metrics

What \`/metrics\` serves for Prometheus. No label ever carries the name of a stream or a viewer. Made from the code by \`npm run docs\`.

| Metric | Type | Meaning |
| --- | --- | --- |
${rows.sort().join('\n')}
`;
}
