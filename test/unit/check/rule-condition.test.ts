import fc from 'fast-check';
import { aclsOf, acts, type Situation } from '../../../src/check/rule-condition';

const line = (text: string) => ({ file: 'h.cfg', line: 1, text, words: text.split(' ') });
const acls = aclsOf([
  line('acl master path_end /index.m3u8'),
  line('acl hls path_end .m3u8 .mp4'),
  line('acl hls path_end .ts'),
  line('acl up nbsrv(agents) gt 0'),
]);
const situation: Situation = {
  path: '/live/a/index.m3u8',
  serversUp: (backend) => (backend === 'agents' ? 1 : undefined),
  variables: { 'txn.mtx.server': null, 'txn.mtx.state': 'placed' },
  status: 302,
};
const judge = (condition: string, change: Partial<Situation> = {}) =>
  acts(['rule', ...condition.split(' ')], acls, { ...situation, ...change });

describe('acts', () => {
  it.each([
    ['if master', true],
    ['if !master', false],
    ['if ! master', false],
    ['unless master', false],
    ['if master up', true],
    ['if master !up', false],
    ['if !master || up', true],
    ['if !master or !up', false],
    ['if { path_end -i /INDEX.m3u8 }', true],
    ['if !{ path_end /index.m3u8 }', false],
    ['if { path -m beg /live/ }', true],
    ['if { path_beg /vod/ }', false],
    ['if { path_sub live }', true],
    ['if { path_dir live }', true],
    ['if { path_dir liv }', false],
    ['if { path_reg ^/live/.*[.]m3u8$ }', true],
    // What may be slow, or is not JavaScript's, is not run.
    ['if { path_reg (a+)+$ }', undefined],
    ['if { status 200 206 }', false],
    ['if { status 200:399 }', true],
    ['if { status ge 300 lt 400 }', true],
    ['if { status lt 300 }', false],
    ['if { var(txn.mtx.server) -m found }', false],
    ['if !{ var(txn.mtx.server) -m found }', true],
    ['if { var(txn.mtx.state) -m str placed }', true],
    ['if { var(txn.other) -m found }', undefined],
    ['if { var(txn.other) -m found } !master', false],
    ['if { var(txn.other) -m found } or master', true],
    ['if unknown_acl', undefined],
    ['if unknown_acl !up', false],
    ['if { nbsrv(others) gt 0 }', undefined],
    ['if { srv_is_up(agents/a1) }', true],
    ['if { always_false }', false],
    ['if { req.hdr(host) -f hosts.lst }', undefined],
    ['if TRUE', true],
    ['if { master', undefined],
  ])('%s', (condition, value) => {
    expect(judge(condition)).toBe(value);
  });

  it('always, without a condition', () => {
    expect(acts(['http-request', 'disable-l7-retry'], acls, situation)).toBe(true);
  });

  it('takes several ACLs of one name as alternatives', () => {
    expect(judge('if hls', { path: '/a/seg7.ts' })).toBe(true);
    expect(judge('if hls', { path: '/a/' })).toBe(false);
  });

  it('cannot tell of a status before there is one', () => {
    const { path, serversUp, variables } = situation;
    const early = { path, serversUp, variables };
    expect(acts(['r', 'if', '{', 'status', '200', '}'], acls, early)).toBeUndefined();
  });

  it('takes any words', () => {
    const word = fc.constantFrom(
      'if',
      'unless',
      '!',
      '!!',
      '{',
      '}',
      'or',
      '||',
      'master',
      'path_end',
      '-m',
      '-i',
      'found',
      'var(x)',
      'status',
      '200',
      ':',
      'gt',
      '--',
      'nope',
      '',
    );
    fc.assert(
      fc.property(fc.array(word), (words) => expect([true, false, undefined]).toContain(acts(words, acls, situation))),
      {
        numRuns: 3000,
      },
    );
  });
});
