import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type FlagSetting,
  type HlsSettingName,
  hlsDurations,
  hlsRanges,
  hlsSettingNames,
  hlsUsersName,
  loadRelaySettings,
  loadSettings,
  originText,
  printSettings,
} from '../../../src/config';

const load = (env: NodeJS.ProcessEnv, flags: readonly FlagSetting[] = [], file?: string) =>
  loadRelaySettings({ file, env, flags, standardFiles: [] });

function relayOf(env: NodeJS.ProcessEnv, flags?: readonly FlagSetting[], file?: string) {
  const result = load(env, flags, file);
  if ('errors' in result) throw new Error(result.errors.join('\n'));
  return { ...result.settings.relay, level: result.settings.log.level, origins: result.origins };
}

describe('the environment as users of m3u-proxy have it', () => {
  it('sets the relay', () => {
    const { origins, ...settings } = relayOf({
      HOST: '0.0.0.0',
      PORT: '9000',
      LOG_LEVEL: 'WARNING',
      CLIENT_TIMEOUT: '10',
      STREAM_TIMEOUT: '15',
      API_TOKEN: 'geheim',
      ROOT_PATH: '/relay/',
      DEFAULT_USER_AGENT: 'VLC/3.0.20',
    });
    expect(settings).toMatchObject({
      listen: { host: '0.0.0.0', port: 9000 },
      level: 'warn',
      clientTimeout: 10_000,
      streamTimeout: 15_000,
      token: 'geheim',
      rootPath: '/relay',
      userAgent: 'VLC/3.0.20',
    });
    expect(originText(origins['relay.clientTimeout'])).toBe('CLIENT_TIMEOUT');
  });

  it.each([
    [{ PORT: '9000' }, { host: '127.0.0.1', port: 9000 }],
    [{ HOST: '::' }, { host: '::', port: 8085 }],
    [
      { HOST: '[::1]', PORT: '1' },
      { host: '::1', port: 1 },
    ],
    [{ HOST: '*' }, { host: '0.0.0.0', port: 8085 }],
    [{ HOST: 'relay.internal' }, { host: 'relay.internal', port: 8085 }],
    [
      { HOST: '', PORT: '' },
      { host: '127.0.0.1', port: 8085 },
    ],
  ])('%j listens on %j', (env, expected) => {
    expect(relayOf(env).listen).toEqual(expected);
  });

  it.each([
    ['DEBUG', 'debug'],
    ['info', 'info'],
    ['Error', 'error'],
    ['CRITICAL', 'error'],
  ])('LOG_LEVEL=%s is %s', (given, level) => {
    expect(relayOf({ LOG_LEVEL: given }).level).toBe(level);
  });

  it('takes an empty ROOT_PATH for none, and any other empty variable for one that is not set', () => {
    expect(relayOf({ ROOT_PATH: '' }).rootPath).toBe('');
    const { rootPath, token, clientTimeout } = relayOf({ API_TOKEN: '', CLIENT_TIMEOUT: '' });
    expect({ rootPath, token, clientTimeout }).toEqual({
      rootPath: '/m3u-proxy',
      token: undefined,
      clientTimeout: 30_000,
    });
  });

  it('stands above the file, and below MTXPILOT_* and the flags', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-config-'));
    const file = join(folder, 'mtxpilot.yaml');
    writeFileSync(file, 'relay: {listen: "127.0.0.1:1", clientTimeout: 1s, rootPath: /file}\n');
    const env = { PORT: '2', CLIENT_TIMEOUT: '2', MTXPILOT_RELAY_LISTEN: '127.0.0.1:3' };
    const flag = { flag: '--relay-root-path', key: 'relay.rootPath', value: '/flag' };
    const { listen, clientTimeout, rootPath } = relayOf({ ...env, ROOT_PATH: '/env' }, [flag], file);
    rmSync(folder, { recursive: true });
    expect({ port: listen.port, clientTimeout, rootPath }).toEqual({ port: 3, clientTimeout: 2000, rootPath: '/flag' });
  });

  it.each([
    [{ PORT: 'http' }, 'PORT: relay.listen: "http" is not allowed, expected a port from 0 to 65535'],
    [
      { HOST: 'a b' },
      'HOST: relay.listen: "a b" is not allowed, expected an IP address or a host name, such as 0.0.0.0',
    ],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL: log.level: "loud" is not allowed, expected DEBUG, INFO, WARNING or ERROR'],
    [
      { CLIENT_TIMEOUT: 'soon' },
      'CLIENT_TIMEOUT: relay.clientTimeout: "soon" is not allowed, expected a number of seconds, such as 30',
    ],
    [
      { STREAM_TIMEOUT: '999999' },
      'STREAM_TIMEOUT: relay.streamTimeout: "999999s" is not allowed, expected a duration from 0ms to 24h, such as 80ms, 2s, 30m or 1h (a bare number is milliseconds)',
    ],
    [
      { ROOT_PATH: '/../x' },
      'ROOT_PATH: relay.rootPath: "/../x" is not allowed, expected a path such as /m3u-proxy, or / for none',
    ],
    [
      { API_TOKEN: 'a\nb' },
      'API_TOKEN: relay.token: this text is not allowed, expected a text of 1 to 1024 characters in one line (a number needs quotes)',
    ],
  ])('%j is an error that names the variable', (env, expected) => {
    const result = load(env);
    expect('errors' in result ? result.errors : []).toEqual([expected]);
  });

  it('means nothing to the agent', () => {
    const result = loadSettings({
      env: { PORT: 'http', LOG_LEVEL: 'loud', HOST: 'a b' },
      flags: [],
      standardFiles: [],
    });
    expect('errors' in result ? result.errors : []).toEqual([]);
  });
});

describe('the settings of HLS as users of acestream-orchestrator have them', () => {
  const named = hlsSettingNames.map((name) => ({
    name,
    variable: hlsUsersName(name).toUpperCase(),
    ...hlsRanges[name],
  }));
  const hlsOf = (env: NodeJS.ProcessEnv) => relayOf(env).hls;
  const heldAs = (name: HlsSettingName, given: number): number => (hlsDurations.includes(name) ? given * 1000 : given);
  /** So that no bound is beyond another setting. */
  const room = { HLS_MAX_SEGMENTS: '100' };
  const narrow = { HLS_WINDOW_SIZE: '3', HLS_MAX_INITIAL_SEGMENTS: '1' };

  it('have the names, defaults and ranges that they have there', () => {
    expect(named.map(({ variable, standard, least, most }) => [variable, standard, least, most])).toEqual([
      ['HLS_MAX_SEGMENTS', 20, 5, 100],
      ['HLS_INITIAL_SEGMENTS', 3, 1, 10],
      ['HLS_WINDOW_SIZE', 6, 3, 20],
      ['HLS_BUFFER_READY_TIMEOUT', 30, 5, 120],
      ['HLS_FIRST_SEGMENT_TIMEOUT', 30, 5, 120],
      ['HLS_INITIAL_BUFFER_SECONDS', 10, 5, 60],
      ['HLS_MAX_INITIAL_SEGMENTS', 10, 1, 20],
      ['HLS_SEGMENT_FETCH_INTERVAL', 0.5, 0.1, 2],
    ]);
  });

  it.each(named)('$variable may be at its bounds, and not beyond them', ({ name, variable, least, most }) => {
    const others = name === 'maxSegments' ? narrow : room;
    for (const bound of [least, most]) {
      expect(hlsOf({ ...others, [variable]: String(bound) })[name]).toBe(heldAs(name, bound));
    }
    const step = name === 'segmentFetchInterval' ? 0.01 : 1;
    for (const beyond of [least - step, most + step, 'soon', '', '1e1', '-1']) {
      const result = load({ ...others, [variable]: String(beyond) });
      const errors = 'errors' in result ? result.errors : [];
      if (beyond === '') expect(errors).toEqual([]);
      else expect(errors).toEqual([expect.stringContaining(`${variable}: relay.hls.${name}: `)]);
    }
  });

  it('have the unit in the names of their time-outs, where one likes; that one counts', () => {
    expect(hlsOf({ HLS_BUFFER_READY_TIMEOUT_S: '7', HLS_FIRST_SEGMENT_TIMEOUT_S: '8' })).toMatchObject({
      bufferReadyTimeout: 7000,
      firstSegmentTimeout: 8000,
    });
    expect(hlsOf({ HLS_BUFFER_READY_TIMEOUT_S: '7', HLS_BUFFER_READY_TIMEOUT: '9' }).bufferReadyTimeout).toBe(7000);
  });

  it('are checked as one, and every contradiction is told', () => {
    const result = load({ HLS_MAX_SEGMENTS: '5', HLS_WINDOW_SIZE: '8' });
    expect('errors' in result ? result.errors : []).toEqual([
      'HLS_WINDOW_SIZE: relay.hls.windowSize: 8 is more than relay.hls.maxSegments (5, HLS_MAX_SEGMENTS)',
      'HLS_MAX_SEGMENTS: relay.hls.maxSegments: 5 is less than relay.hls.maxInitialSegments (10, the default)',
    ]);
    const initial = load({ HLS_MAX_SEGMENTS: '5', HLS_INITIAL_SEGMENTS: '6', ...narrow });
    expect('errors' in initial ? initial.errors : []).toEqual([
      'HLS_INITIAL_SEGMENTS: relay.hls.initialSegments: 6 is more than relay.hls.maxSegments (5, HLS_MAX_SEGMENTS)',
    ]);
  });

  it('are in the file what they are in the environment', () => {
    const inFile = load({}, [{ flag: '--set', key: 'relay.hls.segmentFetchInterval', value: '0.25' }]);
    expect('errors' in inFile ? inFile.errors : inFile.settings.relay.hls.segmentFetchInterval).toBe(0.25);
    expect(relayOf({ STREAM_MODE: 'ts' }).streamMode).toBe('TS');
    expect(relayOf({}).streamMode).toBe('HLS');
  });
});

describe('the section of the relay', () => {
  const problems = (key: string, value: string) => {
    const result = load({}, [{ flag: '--set', key, value }]);
    return 'errors' in result ? result.errors : [];
  };

  it.each([
    ['relay.allow', '[10.0.0.0/8, "fd00::/8", 192.168.1.5, media.internal]'],
    ['relay.trustedProxies', '[10.0.0.1, "2001:db8::/32"]'],
    [
      'relay.accounts',
      '{main: {match: provider.example, maxConnections: 1}, b: {match: "http://p.example/live/u/", maxConnections: 2}}',
    ],
    ['relay.rootPath', '/'],
    ['relay.templates', '{ace: {path: /ace/getstream, url: "http://127.0.0.1:6878/ace/manifest.m3u8?id={id}"}}'],
    [
      'relay.templates',
      '{a: {path: /x, url: "http://h/{a}"}, b: {path: /x, url: "http://h/{b}"}, c: {path: /y, url: "http://h/{a}"}}',
    ],
  ])('%s may be %s', (key, value) => {
    expect(problems(key, value)).toEqual([]);
  });

  it.each([
    ['relay.allow', '[10.0.0.0/40]'],
    ['relay.trustedProxies', '[proxy.internal]'],
    ['relay.accounts', '{a: {match: "ftp://x/", maxConnections: 1}}'],
    ['relay.accounts', '{a: {match: x.example, maxConnections: 0}}'],
    ['relay.accounts', '{a: {match: x.example, maxConnections: 1}, b: {match: x.example, maxConnections: 1}}'],
    ['relay.templates', '{a: {path: /x, url: "http://{a}/x"}}'],
    ['relay.templates', '{a: {path: /x, url: "http://h.{a}/x"}}'],
    ['relay.templates', '{a: {path: /x, url: "http://h:{a}/x"}}'],
    ['relay.templates', '{a: {path: /x, url: "http://{a}@h/x"}}'],
    ['relay.templates', '{a: {path: /x, url: "http://h/x"}}'],
    ['relay.templates', '{a: {path: /x, url: "http://h/{a}/{}"}}'],
    ['relay.templates', '{a: {path: /x, url: "http://h/{a}#{b}"}}'],
    ['relay.templates', '{a: {path: /x, url: "file:///{a}"}}'],
    ['relay.templates', '{a: {path: /stream/x, url: "http://h/{a}"}}'],
    ['relay.templates', '{a: {path: /hls/x, url: "http://h/{a}"}}'],
    ['relay.templates', '{a: {path: /x/../y, url: "http://h/{a}"}}'],
    ['relay.templates', '{a: {path: x, url: "http://h/{a}"}}'],
    ['relay.templates', '{a: {path: /x, url: "http://h/{a}"}, b: {path: /x, url: "http://h2/{a}?y={a}"}}'],
    ['relay.maxClients', '0'],
    ['relay.whenFull', 'queue'],
    ['relay.store.password', 'x'],
    ['relay.store', 'x'],
  ])('%s may not be %s', (key, value) => {
    expect(problems(key, value)).toHaveLength(1);
  });

  it('shows no login in what an account matches', () => {
    const value = '{a: {match: "http://p.example/live/user/geheim/", maxConnections: 1}}';
    const result = load({}, [{ flag: '--set', key: 'relay.accounts', value }]);
    if ('errors' in result) throw new Error('not loaded');
    const printed = printSettings(result.settings, result.origins);
    expect(printed).toContain('match: http://p.example/…');
    expect(printed).not.toContain('geheim');
  });
});
