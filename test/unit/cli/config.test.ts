import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { runCommandLine } from '../../../src/cli/run-command-line';
import { renderReference, settingKeys } from '../../../src/config';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-cli-'));
  file = join(folder, 'mtxpilot.yaml');
  writeFileSync(file, 'log: {level: warn}\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const text = { out: '', err: '' };
  const stdout = new PassThrough().on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  const stderr = new PassThrough().on('data', (chunk: Buffer) => (text.err += chunk.toString()));
  const code = await runCommandLine(['config', '--config', file, ...args], {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env,
  });
  await new Promise(setImmediate);
  return { code, ...text };
}

it('prints the effective values with their origins', async () => {
  const { code, out, err } = await run(['--lookup-ttl', '5s', '--set', 'spoe.listen=off'], {
    MTXPILOT_LOOKUP_BUDGET: '7',
  });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  for (const line of [
    `  level: warn # from ${file}:1`,
    '  ttl: 5s # from --lookup-ttl',
    '  budget: 7 # from MTXPILOT_LOOKUP_BUDGET',
    '  listen: off # from --set',
    '  missTtl: 500ms',
  ]) {
    expect(out.split('\n')).toContain(line);
  }
});

it('prints JSON for programs, without secrets', async () => {
  const { out } = await run(['--json', '--set', 'lookup.deadline=100ms'], {
    MTXPILOT_MEDIAMTX_USERNAME: 'u',
    MTXPILOT_MEDIAMTX_PASSWORD: 'geheim',
  });
  expect(out).not.toContain('geheim');
  expect(JSON.parse(out)).toMatchObject({
    file,
    settings: { lookup: { deadline: '100ms' }, mediamtx: { username: 'u', password: '(hidden)' } },
    origins: {
      'lookup.deadline': '--set',
      'log.level': `${file}:1`,
      'mediamtx.password': 'MTXPILOT_MEDIAMTX_PASSWORD',
    },
    warnings: [expect.stringContaining('--set: lookup.deadline: 100ms is not below')],
  });
});

it('lists every mistake and ends with 2', async () => {
  writeFileSync(file, 'log: {level: "lo\\u001bud"}\nlokup: {}\n');
  expect(await run([], { MTXPILOT_LOG_LEVL: 'x' })).toEqual({
    code: 2,
    out: '',
    err: `warning: MTXPILOT_LOG_LEVL: no such setting, did you mean MTXPILOT_LOG_LEVEL?
error: ${file}:1: log.level: "lo\\u001bud" is not allowed, expected debug, info, warn, error or silent
error: ${file}:2: lokup: unknown key, did you mean lookup?
mtxpilot: 2 errors in the configuration
`,
  });
});

it('demands that a named file exists', async () => {
  rmSync(file);
  expect(await run([])).toEqual({
    code: 2,
    out: '',
    err: `error: ${file}: no such file\nmtxpilot: 1 error in the configuration\n`,
  });
});

it('prints the reference', async () => {
  expect(await run(['--reference'])).toEqual({ code: 0, out: renderReference(), err: '' });
});

it('has a flag for every key that is no secret, no list and no map', async () => {
  const { out } = await run(['--help']);
  for (const { key, flag, meta } of settingKeys) {
    if (['secret', 'list', 'map'].includes(meta.type)) expect([key, flag]).toEqual([key, undefined]);
    else expect(out).toContain(`${flag} <`);
  }
});
