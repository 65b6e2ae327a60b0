import { type Loaded, loadSettings, mediamtxAccess } from '../../../src/config';

function settings(flags: Record<string, string>) {
  const loaded = loadSettings({
    env: {},
    flags: Object.entries(flags).map(([key, value]) => ({ flag: '--set', key, value })),
    standardFiles: [],
  });
  return (loaded as Loaded).settings;
}

const mediamtx = { kind: 'mediamtx', port: 8888 } as const;

describe('mediamtxAccess', () => {
  it.each([
    ['the template', {}, { name: 'a', address: '10.0.0.1' }, 'http://10.0.0.1:9997'],
    ['IPv6 in brackets', {}, { name: 'a', address: '2001:db8::1' }, 'http://[2001:db8::1]:9997'],
    ['a name in the template', { 'mediamtx.api': 'https://{name}.x' }, { name: 'a', address: '-' }, 'https://a.x'],
    [
      'nothing of a name that no URL can hold',
      { 'mediamtx.api': 'https://{name}.x' },
      { name: 'a:b', address: 'h' },
      undefined,
    ],
    ['nothing of an address that no URL can hold', {}, { name: 'a', address: 'mtx[1]' }, undefined],
    ['nothing without an address', {}, { name: 'a', address: '-' }, undefined],
    [
      'the list of servers',
      { servers: '[{name: a, address: "h:1", api: "http://l"}]' },
      { name: 'a', address: 'h' },
      'http://l',
    ],
    [
      'the override',
      { servers: '[{name: a, address: "h:1", api: "http://l"}]', 'mediamtx.servers.a.api': 'http://o' },
      { name: 'a', address: 'h' },
      'http://o',
    ],
    ['no text that is special in replacements', {}, { name: 'a', address: '$&' }, 'http://$&:9997'],
  ])('takes %s', (_, flags, server, expected) => {
    expect(mediamtxAccess(settings(flags as Record<string, string>), { ...server, ...mediamtx }).apiUrl).toBe(expected);
  });

  it('mixes common and own credentials', () => {
    const common = settings({ 'mediamtx.username': 'u', 'mediamtx.password': 'p', 'mediamtx.servers.b.password': 'q' });
    expect(mediamtxAccess(common, { name: 'a', address: 'h', ...mediamtx })).toMatchObject({
      username: 'u',
      password: 'p',
    });
    expect(mediamtxAccess(common, { name: 'b', address: 'h', ...mediamtx })).toMatchObject({
      username: 'u',
      password: 'q',
    });
    expect(mediamtxAccess(common, { name: 'constructor', address: 'h', ...mediamtx })).toMatchObject({
      username: 'u',
      password: 'p',
    });
  });

  it.each<[string, Record<string, string>, string, ReturnType<typeof mediamtxAccess>]>([
    [
      'where it serves viewers',
      {},
      '10.0.0.5',
      { apiUrl: 'http://10.0.0.5:8085', username: undefined, password: undefined },
    ],
    [
      'in brackets',
      {},
      '2001:db8::5',
      { apiUrl: 'http://[2001:db8::5]:8085', username: undefined, password: undefined },
    ],
    [
      'without what is meant for MediaMTX',
      { 'mediamtx.username': 'u', 'mediamtx.password': 'p', 'mediamtx.api': 'http://{address}:9997' },
      '10.0.0.5',
      { apiUrl: 'http://10.0.0.5:8085', username: undefined, password: undefined },
    ],
    [
      'with its own password, and at its own URL',
      {
        'mediamtx.servers.relay1.api': 'https://relay.example',
        'mediamtx.servers.relay1.username': 'agent',
        'mediamtx.servers.relay1.password': 'token',
      },
      '10.0.0.5',
      { apiUrl: 'https://relay.example', username: 'agent', password: 'token' },
    ],
    ['nowhere, where HAProxy has no address', {}, '-', { apiUrl: undefined, username: undefined, password: undefined }],
  ])('asks a relay %s', (_, flags, address, expected) => {
    expect(mediamtxAccess(settings(flags), { name: 'relay1', kind: 'relay', address, port: 8085 })).toEqual(expected);
  });
});
