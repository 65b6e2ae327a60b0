import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { startChild } from '../support/child-process';
import { type EventLab, type EventLabOptions, expectOrder, startEventLab } from '../support/event-lab';
import { haproxyVersion } from '../support/haproxy';
import { until } from '../support/until';
import { accept, answer } from '../unit/events/receiver';

const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const count = (amount: number) => Array.from({ length: amount }, (_, n) => n);

describe(`HAProxy ${haproxyVersion}: events reach a receiver that`, () => {
  let events: EventLab;
  const closers: (() => unknown)[] = [];

  async function start(options: EventLabOptions = {}): Promise<void> {
    events = await startEventLab({ ...options, webhook: { secret, streams: '**', ...options.webhook } });
    closers.push(() => events.stop());
  }
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  const attempts = (result: string) => events.lab.agent.metric('mtxpilot_deliveries_total', { result });
  const waiting = () => events.lab.agent.metric('mtxpilot_outbox_events', { webhook: 'hook' });
  /** The streams live/0, live/1, … are on their next server, and the log has it. */
  async function moveAll(streams: number, round: number): Promise<void> {
    for (const n of count(streams)) events.lab.fleet.move(`live/${n}`, `mtx${((n + round) % 3) + 1}`);
    await until(
      'all is in the log',
      async () => (await events.logged()).filter(isOfStream).length >= (round + 1) * streams,
    );
  }
  const isOfStream = ({ data }: { data: Readonly<Record<string, unknown>> }) => typeof data['stream'] === 'string';

  /** Nothing is lost, nothing out of order within a stream, the log has each once, and every signature holds. */
  async function expectAll(streams: number, rounds: number): Promise<void> {
    await events.delivered();
    await until('nothing waits', async () => (await waiting()) === 0);
    const accepted = events.accepted();
    expectOrder(accepted);
    const verifier = new Webhook(secret);
    for (const { headers, body, event } of accepted) {
      expect(verifier.verify(body, headers as Record<string, string>)).toEqual(event);
    }
    const story = (await events.story()).filter((line) => line.includes(' live/'));
    expect(story).toHaveLength(streams * rounds);
    for (const n of count(streams)) {
      const at = (round: number) => `mtx${((n + round) % 3) + 1}`;
      expect(story.filter((line) => line.split(' ')[1] === `live/${n}`)).toEqual(
        count(rounds).map((round) =>
          round === 0 ? `started live/${n} ${at(0)}` : `moved live/${n} ${at(round - 1)} ${at(round)}`,
        ),
      );
    }
  }

  it('was away: after some rounds of waiting longer and longer, everything at once when it is back', async () => {
    await start();
    await moveAll(5, 0);
    await events.delivered();
    await events.stopReceiver();
    for (const round of [1, 2, 3]) await moveAll(5, round);
    // Five in a row open the circuit; then one probe after 1, 2 and 4 seconds.
    await until('three probes', async () => (await attempts('unreachable')) >= 8, 100);
    expect(await attempts('unreachable')).toBeLessThan(12);
    expect((await events.story()).filter((line) => line.startsWith('moved'))).toHaveLength(15);
    expect(await waiting()).toBe(15);
    expect(JSON.parse((await events.run('events', 'webhooks', '--json')).out)).toMatchObject({
      webhooks: [{ name: 'hook', state: 'failing', trouble: 'ECONNREFUSED', waiting: 15 }],
    });
    await events.startReceiver();
    await expectAll(5, 4);
    expect(events.lab.agent.child.lines.filter((line) => line.includes('delivered'))).toEqual([
      expect.stringContaining('events cannot be delivered; will be tried again'),
      expect.stringContaining('events are delivered again'),
    ]);
  });

  it('is slow: it is given time, and nobody waits for it', async () => {
    await start({ webhook: { timeout: '1m' } });
    const open: (() => void)[] = [];
    let [isSlow, most] = [true, 0];
    events.receiver.behave((arrival, res) => {
      if (!isSlow) {
        accept(arrival, res);
        return;
      }
      open.push(() => accept(arrival, res));
      most = Math.max(most, open.length);
    });
    // It has answered nothing yet, and everything is in the log.
    for (const round of [0, 1, 2]) await moveAll(8, round);
    expect(events.accepted()).toEqual([]);
    isSlow = false;
    for (const acceptNow of open) acceptNow();
    await expectAll(8, 3);
    expect(most).toBeLessThanOrEqual(4);
    expect(events.accepted()).toHaveLength(24);
  });

  it('answers 500, closes half way, or is too late, time and again', async () => {
    await start({ webhook: { timeout: '300ms' } });
    let turn = 0;
    const isTooLate: NodeJS.Timeout[] = [];
    events.receiver.behave((arrival, res) => {
      turn++;
      if (turn % 9 === 0) answer(500)(arrival, res);
      else if (turn % 11 === 0) res.destroy();
      else if (turn % 13 === 0) res.writeHead(200, { 'content-length': '9' }).write('{"s', () => res.destroy());
      else if (turn % 17 === 0) isTooLate.push(setTimeout(() => accept(arrival, res), 1000));
      else accept(arrival, res);
    });
    for (const round of [0, 1, 2, 3]) await moveAll(10, round);
    await expectAll(10, 4);
    for (const result of ['bad_status', 'unreachable', 'timeout']) expect(await attempts(result)).toBeGreaterThan(0);
    for (const timer of isTooLate) clearTimeout(timer);
  });

  it('said that it is gone: nothing more is sent, also by the next agent, until a replay is asked for', async () => {
    await start();
    await moveAll(3, 0);
    await events.delivered();
    events.receiver.behave(answer(410));
    await moveAll(3, 1);
    await until('it has said so', async () => (await attempts('gone')) > 0);
    await events.restartAgent('SIGTERM');
    const before = events.receiver.arrivals.length;
    events.receiver.behave(accept);
    await moveAll(3, 2);
    await until('all wait', async () => (await waiting()) === 6);
    expect(events.receiver.arrivals).toHaveLength(before);
    expect((await events.run('events', 'webhooks')).out).toMatch(/^hook +gone +6 /m);

    const first = (await events.logged()).find(isOfStream);
    const replay = await events.run(
      'events',
      'replay',
      '--after',
      first?.id ?? '',
      '--webhook',
      'hook',
      '--reason',
      'back',
    );
    expect(replay).toEqual({ code: 0, out: 'hook: 8 events to deliver\n', err: '' });
    await expectAll(3, 3);
    expect(events.lab.agent.child.lines.filter((line) => line.includes('"audit":true'))).toEqual([
      expect.stringMatching(/"change":"replay","target":"hook".*"reason":"back".*"result":"done"/),
    ]);
    expect((await events.run('events', 'replay', '--since', '1h', '--webhook', 'nobody')).code).toBe(1);
  });

  it('had a certificate that is not its own: nothing is shown to it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-tls-'));
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    const wrong = certificate(folder, 'DNS:elsewhere.example');
    const right = certificate(folder, 'IP:127.0.0.1');
    const trusted = join(folder, 'trusted.pem');
    writeFileSync(trusted, wrong.cert + right.cert);
    await start({ tls: wrong, agentEnv: { NODE_EXTRA_CA_CERTS: trusted }, webhook: { token: 'let me in' } });
    await moveAll(3, 0);
    await until('it was tried', async () => (await attempts('tls')) >= 3);
    expect(events.receiver.arrivals).toEqual([]);
    await events.stopReceiver();
    await events.startReceiver(right);
    await expectAll(3, 1);
  });

  it('had not answered yet when the agent was killed with -9', async () => {
    await start();
    events.receiver.behave(answer(503));
    await moveAll(20, 0);
    const before = await events.logged();
    expect(events.accepted()).toEqual([]);
    await events.lab.agent.stop('SIGKILL');
    events.receiver.behave(accept);
    await events.lab.restartAgent();
    expect((await events.logged()).slice(0, before.length)).toEqual(before);
    await expectAll(20, 1);
    expect(events.accepted()).toHaveLength(20);
  });

  it('was in the middle of things whenever the agent was killed with -9', async () => {
    await start();
    let turn = 0;
    events.receiver.behave((arrival, res) => {
      // Some answers come late, some never arrive: killed in between, the agent cannot know.
      turn++;
      if (turn % 5 === 0) setTimeout(() => accept(arrival, res), 20);
      else if (turn % 7 === 0) res.destroy();
      else accept(arrival, res);
    });
    for (const round of count(4)) {
      for (const n of count(20)) events.lab.fleet.move(`live/${n}`, `mtx${((n + round) % 3) + 1}`);
      await until('some arrived', () => events.receiver.accepted.length >= round * 20 + 5);
      await events.restartAgent('SIGKILL');
      await moveAll(20, round);
    }
    await expectAll(20, 4);
  });

  it('calls streams by names of its own: they go with what comes later, over restarts', async () => {
    await start();
    events.receiver.behave(({ event }, res) => {
      const name = event.type === 'stream.started' ? { stream_id: `job of ${String(event.data['stream'])}` } : {};
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(name));
    });
    const names = async (type: string) => {
      await events.delivered();
      const found = events.accepted().filter(({ event }) => event.type === type);
      return new Set(found.map(({ event }) => `${String(event.data['stream'])} ${String(event.data['stream_id'])}`));
    };
    await moveAll(2, 0);
    expect(await names('stream.started')).toEqual(new Set(['live/0 undefined', 'live/1 undefined']));
    await events.restartAgent('SIGKILL');
    await moveAll(2, 1);
    expect(await names('stream.moved')).toEqual(new Set(['live/0 job of live/0', 'live/1 job of live/1']));
    await events.restartAgent('SIGTERM');
    for (const server of events.lab.fleet.servers) server.unpublish('live/0');
    await events.told('ended live/0 mtx2');
    expect(await names('stream.ended')).toEqual(new Set(['live/0 job of live/0']));
    // They are of that receiver alone: the log has none.
    expect((await events.logged()).some(({ data }) => 'stream_id' in data)).toBe(false);
  });

  it('is the one of docs/events.md: it verifies, names streams, and refuses what is not signed', async () => {
    const page = readFileSync('docs/events.md', 'utf8');
    const [, code = ''] = /```js\n(import [^`]*standardwebhooks[\s\S]*?)```/.exec(page) ?? [];
    expect(code.trimEnd().split('\n').length).toBeLessThanOrEqual(15);
    await start();
    await events.stopReceiver();
    const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-receiver-'));
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'receiver.mjs'), code);
    const { port } = events.receiver;
    const receiver = startChild(
      process.execPath,
      ['receiver.mjs'],
      { WEBHOOK_SECRET: secret, PORT: String(port) },
      folder,
    );
    closers.push(() => receiver.stop('SIGKILL'));
    const url = `http://127.0.0.1:${port}/`;
    await until('it to listen', () => fetch(url, { method: 'POST', body: '{}' }));
    await moveAll(1, 0);
    await moveAll(1, 1);
    await until('both came', async () => (await attempts('ok')) === 2);
    const printed = receiver.lines.join(' ');
    const [started] = (await events.logged()).filter(isOfStream);
    expect(printed).toMatch(/^stream\.started \{.*stream: 'live\/0'.*\} stream\.moved \{.*\}$/);
    expect(printed).toContain(`stream_id: 'job-${started?.id ?? '?'}'`);
    expect((await fetch(url, { method: 'POST', body: JSON.stringify(started) })).status).toBe(400);
    expect(receiver.lines.join(' ')).toBe(printed);
  });

  it('is shown by the metrics', async () => {
    await start();
    events.receiver.behave(answer(500));
    events.lab.fleet.server('mtx1').publish('live/a');
    await until('it was tried', async () => (await attempts('bad_status')) > 0);
    expect(await waiting()).toBe(1);
    expect(await events.lab.agent.metric('mtxpilot_outbox_age_seconds', { webhook: 'hook' })).toBeGreaterThan(0);
    events.receiver.behave(accept);
    await until('it came', async () => (await attempts('ok')) === 1);
    await until('nothing waits', async () => (await waiting()) === 0);
    expect(await events.lab.agent.metric('mtxpilot_events_total', { type: 'stream.started' })).toBe(1);
    expect(await events.lab.agent.metric('mtxpilot_events_total', { type: 'agent.started' })).toBe(1);
  });
});

/** A certificate that vouches for itself. */
function certificate(folder: string, subjectAltName: string): { cert: string; key: string } {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const names = ['-subj', `/CN=${subjectAltName.replace(/^.*:/, '')}`, '-addext', `subjectAltName=${subjectAltName}`];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...[...names, '-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  );
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}
