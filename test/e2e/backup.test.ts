import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { type ConfigFolder, shippedConfig } from '../fixtures/check/apply';
import { haproxyVersion, logLines, type RequestLine } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { bridges } from '../support/matrix';
import { until } from '../support/until';

const kinds = bridges.flatMap((bridge) =>
  (['without', 'with'] as const).map((allbackups) => ({ bridge, allbackups, isAll: allbackups === 'with' })),
);
const names = (folder: string): string[] => Array.from({ length: 30 }, (_, i) => `${folder}/${i}`);

/** The shipped file, with mtx1 and mtx2 active, and mtx3 and mtx4 as backups. */
function configWithBackups(isAll: boolean): ConfigFolder {
  const config = shippedConfig();
  const shipped = readFileSync(config.file, 'utf8');
  const third = /^( *)server mtx3 (.*)$/m;
  const changed = shipped.replace(third, (line: string, indent: string) => {
    const fourth = `${indent}server mtx4 "\${MTX4}" backup`;
    return [`${line} backup`, fourth, ...(isAll ? [`${indent}option allbackups`] : [])].join('\n');
  });
  expect(changed).not.toBe(shipped);
  writeFileSync(config.file, changed);
  return config;
}

describe.each(kinds)(
  `HAProxy ${haproxyVersion}, bridge $bridge: two backups, $allbackups option allbackups`,
  ({ bridge, isAll }) => {
    let config: ConfigFolder;
    let lab: Lab;

    beforeEach(async () => {
      config = configWithBackups(isAll);
      lab = await startLab({
        bridge,
        haproxyConfig: config.file,
        sim: {
          servers: 4,
          profile: 'session',
          paths: [{ name: '~^live/' }, { name: '~^cam/', onDemand: { startDelayMs: 0 } }],
        },
      });
    });
    afterEach(async () => {
      await lab.stop();
      config.remove();
    });

    /** The log lines of the masters of these streams, all of which have this status. */
    async function ask(streams: readonly string[], status: number): Promise<RequestLine[]> {
      const before = lab.haproxy.requests().length;
      for (const stream of streams) {
        const answer = await fetch(`${lab.haproxy.url}/${stream}/index.m3u8?cookieCheck=1`);
        expect(`${stream} ${answer.status}`).toBe(`${stream} ${status}`);
        await answer.arrayBuffer();
      }
      return logLines(() => lab.haproxy.requests().slice(before), streams.length);
    }
    /** Where streams that nobody has are put: those that may start on each server, and those that cannot anywhere. */
    async function placedOn(suffix: string): Promise<string[]> {
      await until('the configuration of every server', async () => {
        const { body } = await lab.agent.get(`/v1/streams/live/${suffix}/why`);
        return (body as { rule: string }).rule !== 'placed-unsure';
      });
      const lines = [...(await ask(names(`cam/${suffix}`), 200)), ...(await ask(names(`live/${suffix}`), 404))];
      expect(new Set(lines.map(({ state, retries }) => `${state} ${retries}`))).toEqual(new Set(['placed 0']));
      return [...new Set(lines.map(({ server }) => server))].sort();
    }
    async function servers(): Promise<Record<string, string>> {
      const { body } = await lab.agent.get('/v1/servers');
      const list = (body as { servers: { name: string; operational: string; administrative: string }[] }).servers;
      return Object.fromEntries(list.map((one) => [one.name, `${one.operational} ${one.administrative}`]));
    }
    /** The active servers leave, one in maintenance and one without notice, and the agent knows it. */
    async function loseActive(): Promise<void> {
      await lab.haproxy.runtime('set server mtx/mtx1 state maint');
      await lab.fleet.server('mtx2').kill();
      await until('the agent to know it', async () => {
        const { mtx1, mtx2 } = await servers();
        return mtx1?.endsWith(' maint') && mtx2?.startsWith('DOWN ');
      });
    }

    it('streams that nobody has are put on active servers, and on backups when no active one is left', async () => {
      expect(await placedOn('all')).toEqual(['mtx1', 'mtx2']);

      await loseActive();
      // Both: which of its backups HAProxy would take by itself is not told by its Runtime API, and each of them is in service.
      expect(await placedOn('backups')).toEqual(['mtx3', 'mtx4']);

      await lab.fleet.server('mtx2').restart();
      await until('mtx2 to be back', async () => (await servers())['mtx2']?.startsWith('UP '));
      expect(await placedOn('again')).toEqual(['mtx2']);
    });

    it('a stream that is live on a backup plays from there, whoever is up', async () => {
      for (const server of ['mtx3', 'mtx4']) {
        lab.fleet.server(server).publish(`live/${server}`);
        await lab.located(`live/${server}`, server);
      }
      const players = ['mtx3', 'mtx4'].map((server) => ({ server, player: lab.player(`live/${server}`) }));
      const play = async () => {
        for (const { server, player } of players) {
          const before = player.answers.length;
          expect(await player.load()).toBe(200);
          expect(await player.round()).toBe(200);
          expect(new Set(player.answers.slice(before).map((answer) => answer.server))).toEqual(new Set([server]));
        }
      };
      await play();
      await loseActive();
      await play();
    });

    it('without an agent HAProxy itself finds what is live on a backup once no active server is left', async () => {
      for (const server of ['mtx3', 'mtx4']) lab.fleet.server(server).publish(`live/${server}`);
      await loseActive();
      await lab.agent.stop();
      await lab.agentsUp(0);
      expect((await ask(['live/mtx3'], 200)).map(({ server }) => server)).toEqual(['mtx3']);
      // Without the option HAProxy uses the first backup only.
      expect((await ask(['live/mtx4'], isAll ? 200 : 404)).map(({ server }) => server)).toEqual([
        isAll ? 'mtx4' : 'mtx3',
      ]);
    });

    it('`mtxpilot servers` tells which are backups', async () => {
      const { stdout } = await promisify(execFile)(process.execPath, ['dist/cli/main.js', 'servers'], {
        env: { ...process.env, MTXPILOT_HTTP_ADMIN_SOCKET: lab.agent.adminSocket },
      });
      const backups = stdout.split('\n').flatMap((line) => /^(mtx\d) .* backup$/.exec(line.trim())?.[1] ?? []);
      expect(backups).toEqual(['mtx3', 'mtx4']);
      const { body } = await lab.agent.get('/v1/servers');
      const flags = (body as { servers: { name: string; backup: boolean }[] }).servers;
      expect(flags.map(({ name, backup }) => [name, backup])).toEqual([
        ['mtx1', false],
        ['mtx2', false],
        ['mtx3', true],
        ['mtx4', true],
      ]);
    });
  },
);
