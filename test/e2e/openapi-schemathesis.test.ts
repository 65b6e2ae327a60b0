import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../support/child-process';
import { type EventLab, startEventLab } from '../support/event-lab';

const token = 'correct-horse-battery';

/** Of schemathesis' report, what is looked at. */
interface Report {
  readonly operations: object;
  readonly test_cases: { readonly generated: number };
  /** How requests that fit the document were answered, by operation and phase. */
  readonly valid_rates: Readonly<Record<string, Readonly<Record<string, { readonly accepted: number }>>>>;
}

describe('the API and /openapi.json', () => {
  let events: EventLab;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mtxpilot-schemathesis-'));
    events = await startEventLab({ agentEnv: { MTXPILOT_HTTP_TOKEN: token } });
    events.lab.fleet.server('mtx1').publish('live/a');
    await events.lab.listed('live/a', 'mtx1');
  });
  afterAll(async () => {
    await events.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('agree, as schemathesis finds', async () => {
    const program = process.env['SCHEMATHESIS_BIN'];
    if (program === undefined) throw new Error('SCHEMATHESIS_BIN names no schemathesis: npm test installs it');
    const { url } = events.lab.agent;
    const reportFile = join(folder, 'report.json');
    const child = startChild(
      program,
      [
        'run',
        ...['--header', `Authorization: Bearer ${token}`],
        ...['--checks', 'all'],
        ...['--seed', '1', '--max-examples', '8', '--generation-database', 'none'],
        '--continue-on-failure',
        // How fast values are made up, and answers come, depends on what else the machine does.
        ...['--suppress-health-check', 'too_slow', '--request-timeout', '300'],
        ...['--no-color', '--report', 'json', '--report-json-path', reportFile],
        `${url}/openapi.json`,
      ],
      { PYTHONUTF8: '1' },
      folder,
    );
    const code = await child.exited;
    if (code !== 0) throw new Error(`schemathesis ended with ${code}:\n${child.lines.join('\n')}`);

    const report = JSON.parse(readFileSync(reportFile, 'utf8')) as Report;
    expect(report).toMatchObject({ complete: true, failures: [], errors: [] });
    const document = (await events.lab.agent.get('/openapi.json')).body as { paths: Record<string, object> };
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    // It leaves out the document itself.
    const tried = described.filter((operation) => operation !== 'GET /openapi.json');
    expect(report.operations).toMatchObject({ total: tried.length, tested: tried.length, skipped: 0 });
    expect(report.test_cases.generated).toBeGreaterThan(10 * tried.length);
    // Refused requests say little: each was carried out, too. No made-up name is that of the stream that is there, and no relay has any.
    const refused = tried.filter(
      (operation) => !Object.values(report.valid_rates[operation] ?? {}).some(({ accepted }) => accepted > 0),
    );
    expect(refused.filter((operation) => !/\{name\}$|\{id\}/.test(operation))).toEqual([]);
  });
});
