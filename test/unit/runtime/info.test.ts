import fc from 'fast-check';
import { showEnv, showStat } from '../../../src/runtime';
import { parseEnv } from '../../../src/runtime/parse-info';
import { parseStat } from '../../../src/runtime/parse-stat';
import { recorded, versions } from './recorded';
import { failed, type Replaying, startReplaying } from './replaying';

let haproxy: Replaying;
beforeAll(async () => {
  haproxy = await startReplaying();
});
afterAll(() => haproxy.socket.stop());

describe.each(versions)('recorded from HAProxy %s', (version) => {
  it('show stat of a backend', async () => {
    haproxy.reply = recorded(version, 'show-stat-mtx');
    const lines = await showStat(haproxy.client, 'mtx');
    if (!lines.ok) throw new Error(lines.error.message);
    expect(haproxy.socket.commands.at(-1)).toBe('show stat mtx 4 -1');
    expect(
      lines.value.map((line) => [line.proxy, line.server, line.type, line.status, line.weight, line.checkStatus]),
    ).toEqual([
      ['mtx', 'mtx1', 'server', 'UP', 10, 'L4OK'],
      ['mtx', 'mtx2', 'server', 'DRAIN', 1, 'L4OK'],
      ['mtx', 'down', 'server', 'DOWN', 1, 'L4CON'],
      ['mtx', 'unchecked', 'server', 'no check', 1, undefined],
    ]);
    expect(lines.value[0]).toMatchObject({ currentSessions: 0, totalSessions: 2, queued: 0, bytesOut: 98 });
  });

  it('show stat of everything', async () => {
    haproxy.reply = recorded(version, 'show-stat');
    const lines = await showStat(haproxy.client);
    if (!lines.ok) throw new Error(lines.error.message);
    expect(haproxy.socket.commands.at(-1)).toBe('show stat');
    expect(lines.value.map(({ proxy, server, type }) => `${proxy}/${server} ${type}`)).toEqual([
      'viewers/FRONTEND frontend',
      'mtx/mtx1 server',
      'mtx/mtx2 server',
      'mtx/down server',
      'mtx/unchecked server',
      'mtx/BACKEND backend',
      'static/mtx1 server',
      'static/BACKEND backend',
      'sessions/BACKEND backend',
      'tracked/BACKEND backend',
      'empty/BACKEND backend',
      'origin/FRONTEND frontend',
    ]);
    expect(lines.value[0]).toMatchObject({ status: 'OPEN', weight: undefined, queued: undefined });
  });

  it('show stat of no such backend', async () => {
    haproxy.reply = recorded(version, 'no-such-proxy');
    expect(await showStat(haproxy.client, 'nothing')).toMatchObject(failed('not-found', 'has no backend nothing'));
  });

  it('show env, with values of several lines', async () => {
    haproxy.reply = recorded(version, 'show-env');
    const values = await showEnv(haproxy.client);
    expect(values.ok && Object.fromEntries(values.value)).toMatchObject({
      MTX_BIND: '127.0.9.1:8888',
      EMPTY: '',
      TWO_LINES: 'one\ntwo = 2',
      GAP: 'above\n\nbelow',
      EQUALS: 'a=b=c',
      HAPROXY_LOCALPEER: 'lab',
    });
  });

  it('refusals', async () => {
    haproxy.reply = recorded(version, 'permission-denied');
    expect(await showStat(haproxy.client)).toMatchObject(failed('denied'));
    expect(await showEnv(haproxy.client)).toMatchObject(failed('denied'));
    haproxy.reply = recorded(version, 'nothing-to-say');
    expect(await showStat(haproxy.client)).toMatchObject(failed('unexpected'));
    expect(await showEnv(haproxy.client)).toMatchObject(failed('unexpected'));
  });

  it('cut anywhere: an error, or less of the same', () => {
    const text = recorded(version, 'show-stat');
    const whole = parseStat(text);
    for (let length = 0; length < text.length; length++) {
      const cut = parseStat(text.slice(0, length));
      if (cut.ok) expect(whole.ok && whole.value.slice(0, cut.value.length)).toEqual(cut.value);
    }
  });
});

describe('parseStat', () => {
  const header = '# pxname,svname,qcur,scur,stot,bin,bout,status,weight,bck,type,check_status,last_chk,';
  it.each([
    ['', 'there is no column pxname'],
    ['pxname,svname', 'expected the names of the columns'],
    [`${header}\nmtx,a,0,x,0,0,0,UP,1,0,2,,,`, 'line 2 of "show stat" is'],
    [`${header}\nmtx,a,0,0,0,0,0,UP,1,0,9,,,`, 'type is "9"'],
    [`${header}\nmtx,a,0,0,0,0,0,UP,-1,0,2,,,`, 'weight is "-1"'],
    [`${header}\nmtx,a`, 'it has 2 fields under 14 names'],
    [`${header}\nmtx,a,0,0,0,0,0,UP,1,0,,,,`, 'type is ""'],
    [`${header}\nmtx,a\u001b[2J,0,0,0,0,0,UP,1,0,2,,,`, 'svname is'],
  ])('refuses %j', (text, message) => {
    expect(parseStat(text === '' ? '# svname' : text)).toMatchObject(failed('unexpected', message));
  });

  it('reads quoted fields, and a check that is under way', () => {
    const lines = parseStat(`${header}\nmtx,a,,0,0,0,0,"UP, ""nearly""",1,0,2,* L4OK,"a,b",\n`);
    expect(lines.ok && lines.value[0]).toMatchObject({ status: 'UP, "nearly"', checkStatus: 'L4OK', weight: 1 });
  });
});

it.each([
  ['a backup', 'mtx,a,0,0,0,0,0,UP,1,1,2,,,', true],
  ['no backup', 'mtx,a,0,0,0,0,0,UP,1,0,2,,,', false],
  // How many there are.
  ['a backend with backups', 'mtx,BACKEND,0,0,0,0,0,UP,1,1,1,,,', false],
])('tells %s', (_, line, isBackup) => {
  const names = '# pxname,svname,qcur,scur,stot,bin,bout,status,weight,bck,type,check_status,last_chk,';
  expect(parseStat(`${names}\n${line}\n`)).toMatchObject({ ok: true, value: [{ isBackup }] });
});

it('quotes no value of the environment', () => {
  const read = parseEnv('a secret that stands where the name of a variable should\n');
  expect(read).toMatchObject(failed('unexpected', '"show env" begins with'));
  expect(!read.ok && read.error.message).not.toContain('variable should');
});

it('gives a value for any text', () => {
  const [header = ''] = recorded('3.2', 'show-stat').split('\n');
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.constantFrom(header, '\n', ',', '"', 'mtx', '0', 'A=b', '=')).map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }).map((text) => `${header}\n${text}`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      for (const result of [parseStat(text), parseEnv(text)]) {
        if (!result.ok) expect(result.error.message).toMatch(/^[^\u0000-\u001f\u007f-\u009f]{1,400}$/);
      }
    }),
  );
});
