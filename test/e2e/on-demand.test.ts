import { haproxyVersion } from '../support/haproxy';
import { bridges } from '../support/matrix';
import { connectionsFrom, createPlayer } from '../support/player';
import { type SubjectLab, startSubjectLab, subjectKinds } from '../support/subject-lab';
import { until } from '../support/until';

const cases = subjectKinds.flatMap((kind) => bridges.map((bridge) => ({ kind, bridge })));

/*
 * Sources that MediaMTX starts when somebody wants to see them, on one of three servers. On stand-ins, and on real servers where MEDIAMTX_BIN names
 * an executable: the command is ffmpeg there.
 */
const title = `HAProxy ${haproxyVersion}, $kind.name, bridge $bridge: a command that one of three servers starts on demand`;
describe.each(cases)(title, ({ kind, bridge }) => {
  let lab: SubjectLab;
  const connections = connectionsFrom(undefined, 16);

  beforeAll(async () => {
    lab = await startSubjectLab({
      kind,
      bridge,
      servers: 3,
      overrides: { mtx2: { commandPaths: ['cam/named', '~^od/'] } },
    });
  });
  afterAll(async () => {
    await lab.stop();
    await connections.destroy();
  });

  const starts = (stream: string) => Promise.all(lab.subjects.map((subject) => subject.starts(stream)));

  it.each([
    ['cam/named', 'by its name'],
    ['od/a', 'under a pattern'],
    ['od/b', 'under a pattern'],
  ])('%s, %s: it plays for everybody who comes at once, is started once, and nobody else is asked', async (stream) => {
    // The first questions after a start may come before a busy server has told its configuration: its list alone names no commands.
    const said = await until('the configuration of every server', async () => {
      const answer = await lab.agent?.get(`/v1/streams/${stream}/why`);
      const body = answer?.body as { rule: string };
      return body.rule === 'placed-on-demand' && body;
    });
    expect(said).toMatchObject({ state: 'placed', server: 'mtx2' });
    expect(await starts(stream)).toEqual([0, 0, 0]);

    const players = Array.from({ length: 6 }, () => createPlayer({ url: lab.haproxy.url, stream, connections }));
    expect(await Promise.all(players.map((player) => player.load()))).toEqual(players.map(() => 200));
    expect(await Promise.all(players.map((player) => player.round()))).toEqual(players.map(() => 200));
    const lines = await until('the log lines of the masters', () => {
      const seen = lab.haproxy.requests().filter((line) => line.stream === stream);
      return seen.filter(({ path, status }) => path.endsWith('/index.m3u8') && status === 200).length >= 6 && seen;
    });
    expect(new Set(lines.map(({ server, retries }) => `${server} ${retries}`))).toEqual(new Set(['mtx2 0']));
    expect(await starts(stream)).toEqual([0, 1, 0]);
    await lab.located(stream, 'mtx2');
  });
});
