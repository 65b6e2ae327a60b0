import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createHeavyWork, type Steps } from '../../../src/http/heavy-work';
import { createHttpStats } from '../../../src/http/http-stats';
import { jsonSteps } from '../../../src/http/json-steps';
import { toJson } from '../../../src/http/respond';
import { runProbe } from '../../support/run-probe';
import { finish } from '../api/lab';

describe('jsonSteps', () => {
  it.each([
    [{}],
    [{ a: 1, b: undefined, 'c"': 'd"' }],
    [{ list: [1, undefined, { x: undefined }, []], rest: { y: [1, 2] }, none: null }],
    [{ empty: [] }],
  ])('writes %j as toJson does', (value) => {
    expect(finish(jsonSteps(value))).toBe(toJson(value));
  });

  it('takes any iterable for a list', () => {
    expect(finish(jsonSteps({ list: new Set([1, 2]).values() }))).toBe('{"list":[1,2]}');
  });
});

describe('work', () => {
  const start = () => createHeavyWork({ stats: createHttpStats().heavyAnswers });

  it('is done one after another, addresses in turn', async () => {
    const work = start();
    const done: string[] = [];
    function* job(name: string): Steps<void> {
      for (let i = 0; i < 3; i++) yield;
      done.push(name);
    }
    await Promise.all([
      ...['a1', 'a2', 'a3'].map((name) => work.run(job(name), 'a')),
      ...['b1', 'b2'].map((name) => work.run(job(name), 'b')),
    ]);
    // The first was begun before the others came.
    expect(done).toEqual(['a1', 'a2', 'b1', 'a3', 'b2']);
  });

  it('is left alone when nobody waits for it, and an error is told', async () => {
    const work = start();
    let steps = 0;
    function* endless(): Steps<void> {
      for (;;) {
        steps++;
        yield;
      }
    }
    function* broken(): Steps<void> {
      throw new Error('broken');
    }
    expect(await work.run(endless(), 'a', () => steps < 10)).toBeUndefined();
    await expect(work.run(broken())).rejects.toThrow('broken');
    expect(
      await work.run(
        (function* () {
          return 1;
        })(),
      ),
    ).toBe(1);
  });
});

/** As much of an answer as is needed to hold a place. */
class Answer extends EventEmitter {
  status = 0;
  headers: readonly string[] = [];
  destroyed = false;
  writableEnded = false;
  writeHead(status: number, headers: readonly string[]): void {
    this.status = status;
    this.headers = headers;
  }
  end(): void {}
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

describe('places', () => {
  function start() {
    const stats = createHttpStats().heavyAnswers;
    const clock = { ms: 0 };
    const work = createHeavyWork({ most: 5, mostPerAddress: 2, stats, nowMs: () => clock.ms++ });
    const come = (address: string) => {
      const answer = new Answer();
      return { answer, isAdmitted: work.admit(answer as unknown as ServerResponse, address) };
    };
    return { come, stats };
  }

  it('are so many for one address, and so many for all; the admin socket has its own', () => {
    const { come, stats } = start();
    const addresses = ['a', 'a', 'a', 'b', 'b', 'c', 'd', '', '', ''];
    expect(addresses.map((address) => come(address).isAdmitted)).toEqual([
      ...[true, true, false, true, true],
      ...[true, false, true, true, false],
    ]);
    expect(stats).toEqual({ inHand: 7, refused: 3, cut: 0 });
    const { answer } = come('e');
    expect(answer.status).toBe(503);
    expect(answer.headers).toEqual(expect.arrayContaining(['retry-after', '1']));
  });

  it('are given up by answers that are made and not read, and free when an answer is sent', () => {
    const { come, stats } = start();
    const [first, second] = [come('a'), come('a')];
    second.answer.writableEnded = true;
    expect(come('a').isAdmitted).toBe(true);
    expect([first.answer.destroyed, second.answer.destroyed]).toEqual([false, true]);
    expect(come('a').isAdmitted).toBe(false);
    first.answer.emit('close');
    expect(come('a').isAdmitted).toBe(true);
    expect(stats).toEqual({ inHand: 2, refused: 1, cut: 1 });
  });
});

describe('with 100,000 streams, 50 servers, 20,000 viewers', () => {
  const paths = [
    '/v1/streams?limit=1000',
    '/v1/streams?limit=1000&match=7',
    '/v1/servers',
    '/v1/viewers?limit=1000',
    '/v1/streams/live/0/why',
    '/v1/events?limit=1000',
    '/metrics',
    '/healthz',
    '/v1/route?stream=live/1',
  ];
  const list = 'GET /v1/streams?limit=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
  const floods: readonly (readonly [string, readonly string[]])[] = [
    ['500 lists on one connection', [list.repeat(500)]],
    [
      '8 lists on each of 40 connections',
      Array.from({ length: 40 }, () => requestsOf([...Array(8)].map(() => paths[0] ?? ''))),
    ],
    ['everything that there is, on each of 20 connections', Array.from({ length: 20 }, () => requestsOf(paths))],
  ];

  it('no flood of requests takes a turn of 20 ms', async () => {
    const names = floods.map(([name]) => name);
    const measured = await runProbe('http-flood-probe.ts', floods, names);
    expect(measured.filter(({ ms }) => !(ms < 20))).toEqual([]);
  });
});

function requestsOf(targets: readonly string[]): string {
  return targets
    .map(
      (target, i) =>
        `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n${i === targets.length - 1 ? 'Connection: close\r\n' : ''}\r\n`,
    )
    .join('');
}
