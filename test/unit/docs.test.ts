import { readFileSync } from 'node:fs';
import { renderReference } from '../../src/config';
import { createMetrics } from '../../src/metrics';
import { operations } from '../../src/performance';

describe('docs made from the code (npm run docs)', () => {
  it('docs/configuration.md has the reference as it is', () => {
    expect(readFileSync('docs/configuration.md', 'utf8')).toContain(renderReference().trim());
  });

  it('docs/metrics.md has every metric, and no other', async () => {
    const metrics = createMetrics();
    const { body } = await metrics.render();
    const served = [...body.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, help]) => `${name}: ${help}`);
    const page = readFileSync('docs/metrics.md', 'utf8');
    const written = [...page.matchAll(/^\| `(\S+)` \| \S+ \| .*?\| (.*) \|$/gm)].map(
      ([, name, help]) => `${name}: ${help}`,
    );
    expect(written.sort()).toEqual(served.sort());
    for (const { name, type, labels } of metrics.list()) {
      expect(page).toContain(`| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(' ')} | `);
    }
  });

  it('docs/metrics.md has every operation whose durations are kept', () => {
    const page = readFileSync('docs/metrics.md', 'utf8');
    for (const [name, meaning] of Object.entries(operations)) expect(page).toContain(`| \`${name}\` | ${meaning} |`);
  });

  it('README holds no placeholder', () => {
    expect(readFileSync('README.md', 'utf8')).not.toContain('@@');
  });

  it('README names only metrics and settings that exist', async () => {
    const { body } = await createMetrics().render();
    const readme = readFileSync('README.md', 'utf8');
    const metrics = new Set([...body.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name));
    for (const [name] of readme.matchAll(/mtxpilot_[a-z_0-9]+/g)) expect(metrics).toContain(name);
    for (const [name] of readme.matchAll(/MTXPILOT_[A-Z_]+/g)) {
      if (name !== 'MTXPILOT_URL') expect(renderReference()).toContain(name);
    }
  });
});
