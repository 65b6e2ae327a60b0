import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { administrativeState } from '../../../src/runtime';
import { parseInfo } from '../../../src/runtime/parse-info';
import { parseServersState } from '../../../src/runtime/parse-servers';

const versions = ['2.6', '3.0', '3.2'];
const recorded = (name: string) => readFileSync(join(__dirname, '../../fixtures/runtime', name), 'utf8');

/** The servers of recorded.cfg, and what `show stat` called them in the same moment. */
const expected: readonly (readonly [string, string | undefined, number, string, string])[] = [
  ['ready', '127.0.9.1', 8888, 'running', 'ready'],
  ['drained', '127.0.9.1', 8888, 'running', 'drain'],
  ['maintained', '127.0.9.1', 8888, 'stopped', 'maint'],
  ['down', '127.0.9.1', 8889, 'stopped', 'ready'],
  ['disabled', '127.0.9.1', 8888, 'stopped', 'maint'],
  // The mask still has CMAINT, but the server is UP.
  ['disabled-then-ready', '127.0.9.1', 8888, 'running', 'ready'],
  ['drained-and-maintained', '127.0.9.1', 8888, 'stopped', 'maint'],
  ['unchecked', '127.0.9.1', 8888, 'running', 'ready'],
  ['unresolved', undefined, 8888, 'stopped', 'maint'],
  ['ipv6', '::1', 8888, 'stopped', 'ready'],
  ['weightless', '127.0.9.1', 8888, 'running', 'ready'],
  ['leaving', '127.0.9.1', 8890, 'stopping', 'ready'],
  ['starting', '127.0.9.1', 8888, 'starting', 'ready'],
  ['tracking-drained', '127.0.9.1', 8888, 'running', 'drain'],
  ['tracking-maintained', '127.0.9.1', 8888, 'stopped', 'maint'],
  ['named', '127.0.0.1', 8888, 'stopped', 'ready'],
  ['by-socket', undefined, 0, 'running', 'ready'],
];

describe.each(versions)('recorded from HAProxy %s', (version) => {
  it('show servers state of one backend', () => {
    const states = parseServersState(recorded(`${version}-show-servers-state.txt`));
    if (!states.ok) throw new Error(states.error.message);
    expect(
      states.value.map((state) => [
        state.serverName,
        state.address,
        state.port,
        state.operational,
        administrativeState(state.adminBits),
      ]),
    ).toEqual(expected);
    expect(states.value[9]).toEqual({
      backendId: 3,
      backendName: 'mtx',
      serverId: 10,
      serverName: 'ipv6',
      address: '::1',
      fqdn: undefined,
      port: 8888,
      operational: 'stopped',
      adminBits: 0,
      weight: 50,
      configuredWeight: 50,
      secondsSinceLastChange: expect.any(Number),
    });
    expect(states.value.map((state) => state.fqdn).filter((name) => name !== undefined)).toEqual([
      'nosuch.invalid',
      'localhost',
    ]);
  });

  it('show servers state of all backends', () => {
    const states = parseServersState(recorded(`${version}-show-servers-state-all.txt`));
    expect(states.ok && states.value.map((state) => `${state.backendName}/${state.serverName}`).slice(-2)).toEqual([
      'mtx/by-socket',
      'other/elsewhere',
    ]);
  });

  it('show info', () => {
    const info = parseInfo(recorded(`${version}-show-info.txt`));
    expect(info).toEqual({
      ok: true,
      value: {
        version: expect.stringMatching(new RegExp(`^${version.replace('.', '\\.')}\\.\\d+-`)),
        pid: expect.any(Number),
        uptimeSeconds: expect.any(Number),
        processNumber: 1,
      },
    });
  });

  it.each(['show-servers-state', 'show-info'])(
    '%s cut anywhere is an error or the same fleet, never another',
    (name) => {
      const text = recorded(`${version}-${name}.txt`);
      const whole = parseServersState(text);
      const names = whole.ok ? whole.value.map((state) => state.serverName) : [];
      for (let length = 0; length < text.length; length++) {
        const cut = text.slice(0, length);
        const states = parseServersState(cut);
        // A cut between two lines cannot be seen here: the client demands the empty line at the end.
        if (states.ok)
          expect(names.slice(0, states.value.length)).toEqual(states.value.map((state) => state.serverName));
        parseInfo(cut);
      }
    },
  );
});

const header = `1\n# ${recorded('3.2-show-servers-state.txt').split('\n')[1]?.slice(2) ?? ''}`;
const line = (changes: Record<string, string> = {}) => {
  const names = header.split('\n')[1]?.slice(2).split(' ') ?? [];
  const good: Record<string, string> = {
    be_name: 'mtx',
    srv_name: 'a',
    srv_addr: '10.0.0.1',
    srv_fqdn: '-',
    srv_port: '80',
  };
  return names.map((name) => changes[name] ?? good[name] ?? '0').join(' ');
};

describe('parseServersState', () => {
  it.each([
    ['', 'line 1 of "show servers state" is "": expected the format number 1'],
    ['2\n# a\n', 'line 1 of "show servers state" is "2": expected the format number 1'],
    ["Can't find backend.\n", `line 1 of "show servers state" is "Can't find backend.": expected the format number 1`],
    ['1\n', 'line 2 of "show servers state" is "": expected the names of the columns'],
    ['1\n# be_id be_name\n', 'line 2 of "show servers state" is "# be_id be_name": there is no column srv_id'],
  ])('%j', (text, message) => {
    expect(parseServersState(text)).toEqual({ ok: false, error: { reason: 'unexpected', message } });
  });

  it.each([
    ['srv_op_state', '4'],
    ['srv_op_state', '-1'],
    ['srv_op_state', ''],
    ['srv_admin_state', 'x'],
    ['srv_admin_state', '65536'],
    ['srv_uweight', '257'],
    ['srv_port', '65536'],
    ['srv_port', '80.5'],
    ['srv_name', 'a\u001b[2J'],
    ['srv_name', ''],
    ['srv_addr', '<script>'],
    ['be_id', '1e3'],
  ])('refuses %s = %j, and with it the whole reply', (column, value) => {
    const result = parseServersState(`${header}\n${line()}\n${line({ srv_name: 'b', [column]: value })}\n`);
    expect(result).toEqual({ ok: false, error: { reason: 'unexpected', message: expect.stringContaining('line 4') } });
    expect(!result.ok && result.error.message).toContain(`${column} is ${JSON.stringify(value)}`);
  });

  it('refuses the same server twice', () => {
    const result = parseServersState(`${header}\n${line()}\n${line()}\n`);
    expect(!result.ok && result.error.message).toMatch(/: mtx\/a comes twice$/);
  });

  it('reads a version that has more columns, and others in between', () => {
    const text = `1\n# new ${header.split('\n')[1]?.slice(2) ?? ''} newer\nx ${line()} y\n`;
    const states = parseServersState(text);
    expect(states.ok && states.value[0]).toMatchObject({ serverName: 'a', port: 80 });
  });

  it('knows every operational state', () => {
    const lines = [0, 1, 2, 3].map((state) => line({ srv_name: `s${state}`, srv_op_state: String(state) }));
    const states = parseServersState([header, ...lines, ''].join('\n'));
    expect(states.ok && states.value.map((state) => state.operational)).toEqual([
      'stopped',
      'starting',
      'running',
      'stopping',
    ]);
  });

  it('gives a value for any text, and one line of message', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(fc.constantFrom('1', '\n', '# ', ' ', header, line(), 'be_id', '\0', '-', '99999999999999999999'))
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        for (const result of [parseServersState(text), parseInfo(text)]) {
          if (!result.ok) expect(result.error.message).toMatch(/^[^\u0000-\u001f\u007f-\u009f]{1,300}$/);
        }
      }),
    );
  });
});

describe('administrativeState', () => {
  it.each([
    [0x00, 'ready'],
    [0x01, 'maint'],
    [0x02, 'maint'],
    [0x04, 'ready'],
    [0x05, 'maint'],
    [0x08, 'drain'],
    [0x10, 'drain'],
    [0x0c, 'drain'],
    [0x20, 'maint'],
    [0x40, 'ready'],
    [0x09, 'maint'],
    [0x18, 'drain'],
    [0x3f, 'maint'],
  ])('%i is %s', (bits, state) => expect(administrativeState(bits)).toBe(state));
});

describe('parseInfo', () => {
  it.each([
    ['', '"show info" has no line Version'],
    ['Version: 3.2\n', '"show info" has no line Pid'],
    ['Version: 3.2\nPid: 0\n', '"show info" says Pid: "0"'],
    ['Version: 3.2\nPid: 1x\n', '"show info" says Pid: "1x"'],
    ['Version: 3.2\nPid: 1\n', '"show info" has no line Uptime_sec'],
    ['Version: a b\nPid: 1\nUptime_sec: 1\n', '"show info" says Version: "a b"'],
  ])('%j', (text, message) => {
    expect(parseInfo(text)).toEqual({ ok: false, error: { reason: 'unexpected', message } });
  });
});
