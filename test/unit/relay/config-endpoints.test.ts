import { hlsRanges, hlsSettingNames, hlsUsersName } from '../../../src/config';
import { type ApiLab, startApiLab } from './api-lab';

let lab: ApiLab;
beforeEach(async () => {
  lab = await startApiLab();
});
afterEach(() => lab.stop());

const standard = {
  stream_mode: 'HLS',
  hls_max_segments: 20,
  hls_initial_segments: 3,
  hls_window_size: 6,
  hls_buffer_ready_timeout: 30,
  hls_first_segment_timeout: 30,
  hls_initial_buffer_seconds: 10,
  hls_max_initial_segments: 10,
  hls_segment_fetch_interval: 0.5,
  connection_timeout: 3,
  initial_data_wait_timeout: 5,
  stream_timeout: 4,
};
const post = (path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) =>
  lab.ask(path, { method: 'POST', body, headers });
const inForce = async () => (await lab.ask('/proxy/config')).json;
const detailOf = ({ json }: { readonly json: unknown }): string => (json as { readonly detail: string }).detail;

describe('/proxy/config', () => {
  it('has the settings under the names that scripts know', async () => {
    const { status, json, headers } = await lab.ask('/m3u-proxy/proxy/config');
    expect({ status, json }).toEqual({ status: 200, json: standard });
    expect(headers['etag']).toMatch(/^"[0-9a-f]{16}"$/);
  });

  it('takes them as query parameters, without a body, and answers all of them', async () => {
    const { status, json } = await post(
      '/proxy/config?hls_window_size=8&hls_segment_fetch_interval=0.25&hls_buffer_ready_timeout=7.5&stream_mode=ts&api_token=x',
    );
    const expected = {
      ...standard,
      stream_mode: 'TS',
      hls_window_size: 8,
      hls_segment_fetch_interval: 0.25,
      hls_buffer_ready_timeout: 7.5,
    };
    expect({ status, json }).toEqual({ status: 200, json: { message: 'Configuration updated', ...expected } });
    expect(await inForce()).toEqual(expected);
    expect(lab.hls.current()).toMatchObject({ windowSize: 8, bufferReadyTimeout: 7500, streamMode: 'TS' });
  });

  it('takes back what it has answered, and names what it does not know', async () => {
    const { json } = await post('/proxy/config', { ...standard, hls_max_segments: 25, chunk_size: 1, 'a\nb': 2 });
    expect(json).toEqual({
      ...standard,
      hls_max_segments: 25,
      message: 'Configuration updated; not known here: chunk_size, a?b',
    });
  });

  it('tells everything that is wrong at once, with what is allowed, and changes nothing', async () => {
    const reply = await post(
      '/proxy/config?hls_max_segments=4&hls_window_size=3.5&hls_segment_fetch_interval=2.1&stream_mode=DASH&hls_initial_segments=2&hls_initial_segments=3&connection_timeout=9&hls_window=1&hls_buffer_ready_timeout=121',
    );
    expect(reply.status).toBe(400);
    expect(detailOf(reply)).toBe(
      'hls_max_segments must be a whole number from 5 to 100. hls_initial_segments must be a whole number from 1 to 10. ' +
        'hls_window_size must be a whole number from 3 to 20. hls_buffer_ready_timeout must be seconds from 5 to 120. ' +
        'hls_segment_fetch_interval must be a number from 0.1 to 2. stream_mode must be TS or HLS. ' +
        'hls_window is no setting. connection_timeout can be changed in the configuration only.',
    );
    expect(await inForce()).toEqual(standard);
  });

  it.each(hlsSettingNames.map((name) => [hlsUsersName(name), hlsRanges[name]] as const))(
    '%s has its bounds, in a query and in a body',
    async (name, { unit, least, most }) => {
      const step = unit === 'target durations' ? 0.001 : 1;
      for (const value of [least, most]) {
        const more = name === 'hls_max_segments' ? { hls_window_size: 5, hls_max_initial_segments: 5 } : {};
        const query = new URLSearchParams({ ...more, [name]: String(value) } as Record<string, string>);
        expect(await post(`/proxy/config?${query.toString()}`)).toMatchObject({ status: 200, json: { [name]: value } });
        expect(await post('/v1/config', { [name]: value })).toMatchObject({ status: 200 });
      }
      for (const value of [least - step, most + step, -least, 1e300, 'x', true, [], {}]) {
        const body = await post('/v1/config', { [name]: value });
        const query = await post(`/proxy/config?${new URLSearchParams({ [name]: JSON.stringify(value) }).toString()}`);
        expect([body.status, query.status]).toEqual([400, 400]);
        expect(detailOf(query)).toContain(`${name} must be `);
      }
      expect(await inForce()).toMatchObject({ [name]: most });
    },
  );

  it.each(['', '%', 'NaN', 'Infinity', '1e1', '0x10', ' 7', '7 ', '+7', 'null'])(
    'takes no "%s" for a number',
    async (text) => {
      expect((await post(`/proxy/config?hls_window_size=${encodeURIComponent(text)}`)).status).toBe(400);
    },
  );

  it('says which settings contradict each other', async () => {
    const reply = await post('/proxy/config?hls_max_segments=5');
    expect({ status: reply.status, detail: detailOf(reply) }).toEqual({
      status: 400,
      detail:
        'hls_window_size (6) is more than hls_max_segments (5); hls_max_initial_segments (10) is more than hls_max_segments (5)',
    });
  });

  it('wants something to be changed', async () => {
    expect((await post('/proxy/config')).status).toBe(400);
    expect((await post('/v1/config', {})).status).toBe(400);
    expect((await post('/v1/config', [])).status).toBe(422);
  });
});

describe('/v1/config', () => {
  it('tells of each setting what is allowed, configured and in force', async () => {
    await post('/v1/config', { hls_window_size: 8 });
    const { json, headers } = await lab.ask('/v1/config');
    expect(json).toMatchObject({
      streamMode: 'HLS',
      configuredStreamMode: 'HLS',
      isDurable: false,
      failure: null,
      settings: expect.arrayContaining([
        {
          name: 'hls_window_size',
          value: 8,
          least: 3,
          most: 20,
          unit: 'segments',
          isWhole: true,
          standard: 6,
          configured: 6,
          isChanged: true,
          mostOf: 'hls_max_segments',
        },
        expect.objectContaining({
          name: 'hls_first_segment_timeout',
          value: 30,
          unit: 's',
          isWhole: false,
          mostOf: null,
        }),
      ]),
    });
    expect((json as { readonly settings: readonly unknown[] }).settings).toHaveLength(8);
    expect(headers['etag']).toBe(`"${(json as { readonly tag: string }).tag}"`);
  });

  it('makes null what is configured, and DELETE everything', async () => {
    await post('/v1/config', { hls_window_size: 8, hls_max_segments: 30, stream_mode: 'TS' });
    await post('/v1/config', { hls_window_size: null });
    expect(await inForce()).toEqual({ ...standard, hls_max_segments: 30, stream_mode: 'TS' });
    expect((await lab.ask('/v1/config', { method: 'DELETE' })).status).toBe(200);
    expect(await inForce()).toEqual(standard);
  });

  it('knows its settings, and no others', async () => {
    const reply = await post('/v1/config', { hls_window_size: 8, chunk_size: 1, __proto__: 1 });
    expect({ status: reply.status, detail: detailOf(reply) }).toEqual({
      status: 400,
      detail: '"chunk_size" is no setting.',
    });
  });

  it('refuses a change that was made for other settings', async () => {
    const { headers } = await lab.ask('/v1/config');
    const tag = String(headers['etag']);
    const first = await post('/v1/config', { hls_window_size: 8 }, { 'if-match': `"other", ${tag}` });
    expect(first.status).toBe(200);
    for (const ifMatch of [tag, `W/${String(first.headers['etag'])}`, '', 'x']) {
      const late = await post('/v1/config', { hls_window_size: 9 }, { 'if-match': ifMatch });
      expect(late.status).toBe(412);
    }
    const reset = await lab.ask('/v1/config', { method: 'DELETE', headers: { 'if-match': tag } });
    expect(reset.status).toBe(412);
    expect(await inForce()).toMatchObject({ hls_window_size: 8 });
    expect((await post('/proxy/config?hls_window_size=9', undefined, { 'if-match': '*' })).status).toBe(200);
  });

  it('says that a change could not be stored', async () => {
    await lab.store.close();
    expect((await post('/v1/config', { hls_window_size: 8 })).status).toBe(503);
    expect(await inForce()).toEqual(standard);
  });

  it('takes no text and no compressed body for JSON', async () => {
    const sent = { 'content-type': 'text/plain' };
    expect((await post('/v1/config?hls_window_size=8', { hls_window_size: 9 }, sent)).status).toBe(415);
  });
});

describe('with a token', () => {
  beforeEach(async () => {
    await lab.stop();
    lab = await startApiLab({ relay: { token: 'geheim' } });
  });

  it('everybody may read /proxy/config, and nobody change it without the token', async () => {
    expect((await lab.ask('/proxy/config')).status).toBe(200);
    expect((await lab.ask('/v1/config')).status).toBe(401);
    expect((await post('/proxy/config?hls_window_size=8')).status).toBe(401);
    expect((await post('/proxy/config?hls_window_size=8&api_token=wrong')).status).toBe(403);
    for (const headers of [{ authorization: 'Bearer geheim' }, { 'x-api-token': 'geheim' }]) {
      expect((await post('/proxy/config?hls_window_size=8', undefined, headers)).status).toBe(200);
    }
  });
});

it('without a token, pages of other sites change nothing', async () => {
  const reply = await post('/proxy/config?hls_window_size=8', undefined, { origin: 'http://evil.example' });
  expect(reply.status).toBe(403);
  expect(await inForce()).toEqual(standard);
});
