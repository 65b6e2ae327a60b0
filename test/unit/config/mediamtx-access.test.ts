import { type Loaded, loadSettings, mediamtxAccess } from '../../../src/config';

function settings(flags: Record<string, string>) {
  const loaded = loadSettings({
    env: {},
    flags: Object.entries(flags).map(([key, value]) => ({ flag: '--set', key, value })),
    standardFiles: [],
  });
  return (loaded as Loaded).settings;
}

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
    expect(mediamtxAccess(settings(flags as Record<string, string>), server).apiUrl).toBe(expected);
  });

  it('mixes common and own credentials', () => {
    const common = settings({ 'mediamtx.username': 'u', 'mediamtx.password': 'p', 'mediamtx.servers.b.password': 'q' });
    expect(mediamtxAccess(common, { name: 'a', address: 'h' })).toMatchObject({ username: 'u', password: 'p' });
    expect(mediamtxAccess(common, { name: 'b', address: 'h' })).toMatchObject({ username: 'u', password: 'q' });
    expect(mediamtxAccess(common, { name: 'constructor', address: 'h' })).toMatchObject({
      username: 'u',
      password: 'p',
    });
  });
});
