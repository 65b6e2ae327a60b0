import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { createMetrics } from '../../src/agent/metrics';
import { createOpenApi } from '../../src/api/openapi';
import { renderReference } from '../../src/config';
import { operations } from '../../src/measure';
import { createRelayMetrics } from '../../src/relay/metrics';
import { relayOperations } from '../../src/relay/operations';

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const read = (page: string) => readFileSync(page, 'utf8');

/** Of both programs, each metric once. */
const allMetrics = () => [
  ...createMetrics().list(),
  ...createRelayMetrics()
    .list()
    .filter(({ component }) => component === 'Relay'),
];

describe('docs made from the code (npm run docs)', () => {
  it('docs/configuration.md has the reference as it is', () => {
    expect(read('docs/configuration.md')).toContain(renderReference().trim());
  });

  it('docs/metrics.md has every metric, and no other', () => {
    const metrics = allMetrics();
    const served = metrics.map(({ name, help }) => `${name}: ${help}`);
    const page = read('docs/metrics.md');
    const written = [...page.matchAll(/^\| `(\S+)` \| \S+ \| .*?\| (.*) \|$/gm)].map(
      ([, name, help]) => `${name}: ${help}`,
    );
    expect(written.sort()).toEqual(served.sort());
    for (const { component, name, type, labels } of metrics) {
      const [, section = ''] = page.split(`\n## ${component}\n`);
      const [ofComponent = ''] = section.split('\n## ');
      expect(ofComponent).toContain(`| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(' ')} | `);
    }
  });

  it('docs/metrics.md has every operation whose durations are kept', () => {
    const page = read('docs/metrics.md');
    for (const [name, meaning] of [...Object.entries(operations), ...Object.entries(relayOperations)])
      expect(page).toContain(`| \`${name}\` | ${meaning} |`);
  });
});

describe('what the pages say', () => {
  it('README has at most 150 lines', () => {
    expect(read('README.md').split('\n').length - 1).toBeLessThanOrEqual(150);
  });

  it.each(pages)('%s holds no placeholder', (page) => {
    expect(read(page)).not.toContain('@@');
  });

  it.each(pages)('%s names only metrics and settings that exist', (page) => {
    const metrics = new Set(allMetrics().map(({ name }) => name));
    for (const [name] of read(page).matchAll(/mtxpilot_[a-z_0-9]+/g)) {
      // A histogram is served as several series.
      expect(metrics).toContain(metrics.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''));
    }
    for (const [name] of read(page).matchAll(/MTXPILOT_[A-Z_]+/g)) {
      if (!['MTXPILOT_URL', 'MTXPILOT_CONFIG'].includes(name)) expect(renderReference()).toContain(`\`${name}\``);
    }
  });

  it('docs/http-api.md has every path of the API, and no other', () => {
    const { paths } = createOpenApi('0') as { paths: Record<string, Record<string, unknown>> };
    const served = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => ['get', 'post', 'put', 'delete'].includes(method))
        .map((method) => `${method.toUpperCase()} ${path}`),
    );
    const written = [...read('docs/http-api.md').matchAll(/`((?:GET|POST|PUT|DELETE) \/[^`]*)`/g)].map(
      ([, one]) => one,
    );
    expect(written.sort()).toEqual(served.sort());
  });
});

describe('links', () => {
  /** A page without its blocks of code, which hold no links. */
  const prose = (page: string) => read(page).replace(/^ *```[\s\S]*?^ *```$/gm, '');

  /** The anchors that GitHub gives a page's headings. */
  const anchorsOf = (page: string) => {
    const seen = new Map<string, number>();
    return new Set(
      [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => {
        const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
        const slug = text
          .toLowerCase()
          .replace(/[^\p{L}\p{N}_ -]/gu, '')
          .replaceAll(' ', '-');
        const before = seen.get(slug) ?? 0;
        seen.set(slug, before + 1);
        return before === 0 ? slug : `${slug}-${before}`;
      }),
    );
  };

  /** The links of a page to files of this project: as they are written, and what they mean. */
  const linksOf = (page: string) =>
    [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .map((link) => {
        const [path = '', anchor] = link.split('#');
        return { link, file: path === '' ? page : normalize(join(dirname(page), path)), anchor };
      });

  it.each(pages)('of %s lead somewhere', (page) => {
    for (const { link, file, anchor } of linksOf(page)) {
      expect({ link, exists: existsSync(file) }).toEqual({ link, exists: true });
      if (anchor !== undefined) expect({ link, exists: anchorsOf(file).has(anchor) }).toEqual({ link, exists: true });
    }
  });

  it('lead from README to every page', () => {
    const reached = new Set(['README.md']);
    // A set goes on over what is added meanwhile.
    for (const page of reached)
      for (const { file } of linksOf(page)) if (file.endsWith('.md') && existsSync(file)) reached.add(file);
    expect([...reached].sort()).toEqual([...pages].sort());
  });

  it.each(pages)('%s names only files and folders that exist', (page) => {
    const names = [
      ...read(page).matchAll(/(?<![\w/.-])(?:src|ui|test|bench|scripts|deploy|haproxy|lua-bridge)\/[\w./-]*\w\/?/g),
    ];
    for (const [name] of names) {
      expect({ page, name, exists: existsSync(name) }).toEqual({ page, name, exists: true });
      expect(statSync(name).isDirectory() || !name.endsWith('/')).toBe(true);
    }
  });
});

describe('docs/architecture.md', () => {
  const rows = [...read('docs/architecture.md').matchAll(/^\| `src\/(\w+)\/` \| [^|]* \| (.*) \|$/gm)];
  const mayKnow = new Map(rows.map(([, room = '', rooms = '']) => [room, rooms.replaceAll('`', '')]));

  it('has every room', () => {
    const rooms = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect([...mayKnow.keys()].sort()).toEqual(rooms.map(({ name }) => name).sort());
  });

  it('says of each room what it may know, as the import rules have it', () => {
    const everywhere = ['log', 'measure', 'wire'];
    const { forbidden } = jest.requireActual<{ forbidden: ImportRule[] }>('../../.dependency-cruiser.cjs');
    const held = forbidden.filter(({ name }) => name.endsWith('-imports'));
    expect(held.length).toBeGreaterThan(0);
    for (const { name, to } of held) {
      const room = name.replace('-imports', '');
      const allowed = [to.pathNot ?? []].flat().map((path) => /^\^src\/([\w/]+)/.exec(path)?.[1] ?? path);
      const others = allowed.filter((one) => one !== room && !everywhere.includes(one)).sort();
      expect({ room, mayKnow: mayKnow.get(room) }).toEqual({ room, mayKnow: others.join(', ') || '–' });
    }
  });
});

describe('the walks of docs/architecture.md', () => {
  const steps = [...read('docs/architecture.md').matchAll(/^\| (\d+) \| `(\S+)` \| `([^`]+)` \| (.+) \|$/gm)];
  const walks = steps.filter(([, number]) => number === '1');

  it('are four', () => {
    expect(walks).toHaveLength(4);
  });

  it.each(steps.map(([, number = '', file = '', word = '']) => [number, file, word] as const))(
    'step %s: %s has %s',
    (_, file, word) => {
      expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`\\b${word.replace(/[^\w ]/g, '\\$&')}\\b`));
    },
  );
});

interface ImportRule {
  readonly name: string;
  readonly to: { readonly pathNot?: string | readonly string[] };
}
