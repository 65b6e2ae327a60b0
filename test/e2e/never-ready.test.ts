import { haproxyVersion } from '../support/haproxy';
import { type SubjectLab, startSubjectLab, subjectKinds } from '../support/subject-lab';
import { until } from '../support/until';

const cases = subjectKinds.flatMap((kind) => (['spoe', 'lua', undefined] as const).map((bridge) => ({ kind, bridge })));

/*
 * A stream without key frames is live, and its master playlist never comes. MediaMTX holds the request longer than HAProxy waits.
 */
const title = `HAProxy ${haproxyVersion}, $kind.name, bridge $bridge: a publisher that sends no key frames`;
describe.each(cases)(title, ({ kind, bridge }) => {
  let lab: SubjectLab;

  beforeAll(async () => {
    lab = await startSubjectLab({ kind, bridge, servers: 2, haproxyEnv: { MTX_TIMEOUT: '2s' } });
  });
  afterAll(() => lab.stop());

  it('its viewers get one time-out, and then 504', async () => {
    await lab.subject('mtx2').publish('live/never', { hasKeyFrames: false });
    await lab.located('live/never', 'mtx2');
    const answer = await fetch(`${lab.haproxy.url}/live/never/index.m3u8`);
    expect(answer.status).toBe(504);
    // Servers with sessions send everybody round once, before they look whether the stream is there.
    const line = await until('the log line', () => lab.haproxy.requests().findLast(({ status }) => status !== 302));
    expect(line.server).toBe('mtx2');
    // Without an agent the other server may have been tried first. Nobody is tried after the time-out.
    expect(Number(line.retries.replace('+', ''))).toBeLessThanOrEqual(bridge === undefined ? 1 : 0);
  });
});

describe.each(subjectKinds)(`HAProxy ${haproxyVersion}, $name: viewers who wait for a first key frame`, (kind) => {
  let lab: SubjectLab;

  beforeAll(async () => {
    lab = await startSubjectLab({ kind, bridge: 'spoe', servers: 2 });
  });
  afterAll(() => lab.stop());

  it('get the stream from where its publisher goes meanwhile', async () => {
    const [from, to] = [lab.subject('mtx1'), lab.subject('mtx2')];
    await from.publish('live/waits', { hasKeyFrames: false });
    await lab.located('live/waits', 'mtx1');
    const answer = fetch(`${lab.haproxy.url}/live/waits/index.m3u8`);
    await until('the viewer at mtx1', async () =>
      (await (await fetch(`${from.apiUrl}/v3/hlsmuxers/list`)).text()).includes('live/waits'),
    );
    await to.publish('live/waits');
    await from.unpublish('live/waits');
    expect((await answer).status).toBe(200);
  });
});
