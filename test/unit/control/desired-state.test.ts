import { holdDownMs } from '../../../src/control/damping';
import { type DesiredStateMemory, desiredState, type ServerFacts } from '../../../src/control/desired-state';
import type { Intent, IntentKind } from '../../../src/control/views';
import type { ApiHealth } from '../../../src/directory/views';

const start = Date.parse('2026-05-01T12:00:00Z');

function facts(name: string, change: Partial<ServerFacts> = {}): ServerFacts {
  return {
    name,
    kind: 'mediamtx',
    operational: 'UP',
    takesViewers: true,
    isBackup: false,
    api: 'ok',
    intent: undefined,
    ...change,
  };
}

const intent = (kind: IntentKind, atMs = start, deadlineMs?: number): Intent => ({
  kind,
  reason: 'update',
  operator: 'ada',
  since: new Date(atMs).toISOString(),
  ...(deadlineMs === undefined ? {} : { deadline: new Date(atMs + deadlineMs).toISOString() }),
});

/** A fleet whose desired state is carried out at once, round after round. */
function control(onApiFailure: 'suspect' | 'drain' = 'drain') {
  let memory: DesiredStateMemory = new Map();
  let wanted = new Map<string, string>();
  let changes = 0;
  return {
    round(servers: readonly ServerFacts[], nowMs: number) {
      const isOut = (name: string) => ['drain', 'maint'].includes(wanted.get(name) ?? '');
      const shown = servers.map((server) => ({ ...server, takesViewers: server.takesViewers && !isOut(server.name) }));
      const made = desiredState(memory, shown, { onApiFailure }, nowMs);
      memory = made.memory;
      const next = new Map([...made.desired].map(([name, { state }]) => [name, state ?? '-']));
      for (const [name, state] of next) if ((wanted.get(name) ?? '-') !== state) changes++;
      wanted = next;
      return made.desired;
    },
    wanted: () => [...wanted.values()].join(' '),
    changes: () => changes,
  };
}

const fleet = (...health: ApiHealth[]) => health.map((api, i) => facts(`mtx${i + 1}`, { api }));

describe('automatic drains', () => {
  it.each<[string, ServerFacts[], string]>([
    ['all well', fleet('ok', 'ok', 'ok', 'ok'), '- - - -'],
    ['one fails', fleet('suspect', 'ok', 'ok', 'ok'), 'drain - - -'],
    ['one failure is no suspicion', fleet('failing', 'unknown', 'ok', 'ok'), '- - - -'],
    ['three of four fail: the guard holds', fleet('suspect', 'suspect', 'suspect', 'ok'), 'drain drain - -'],
    ['all fail', fleet('suspect', 'suspect', 'suspect', 'suspect'), 'drain drain - -'],
    ['a fleet of two', fleet('suspect', 'suspect'), 'drain -'],
    ['a fleet of one', fleet('suspect'), '-'],
    [
      'DOWN anyway',
      [facts('mtx1', { api: 'suspect', operational: 'DOWN', takesViewers: false }), facts('mtx2')],
      '- -',
    ],
    [
      'half are out already, for whatever reason',
      [
        facts('mtx1', { api: 'suspect' }),
        facts('mtx2', { operational: 'DOWN', takesViewers: false }),
        facts('mtx3', { intent: intent('drain') }),
        facts('mtx4', { takesViewers: false }),
      ],
      '- - drain -',
    ],
    [
      'a backup is no server that takes viewers',
      [
        facts('mtx1', { api: 'suspect' }),
        facts('mtx2', { api: 'suspect' }),
        facts('mtx3', { isBackup: true }),
        facts('mtx4', { isBackup: true }),
      ],
      'drain - - -',
    ],
    [
      'a backup costs nobody his place',
      [
        facts('mtx1', { isBackup: true, api: 'suspect' }),
        facts('mtx2', { api: 'suspect' }),
        facts('mtx3'),
        facts('mtx4', { isBackup: true, api: 'suspect' }),
      ],
      'drain drain - drain',
    ],
    [
      'relays do not do the work of a MediaMTX, nor the other way round',
      [
        facts('mtx1', { api: 'suspect' }),
        facts('mtx2', { api: 'suspect' }),
        facts('mtx3'),
        facts('relay1', { kind: 'relay', api: 'suspect' }),
        facts('relay2', { kind: 'relay', api: 'suspect' }),
        facts('relay3', { kind: 'relay' }),
      ],
      'drain - - drain - -',
    ],
    [
      'a backup that is in use is left',
      [
        facts('mtx1', { operational: 'DOWN', takesViewers: false }),
        facts('mtx2', { operational: 'DOWN', takesViewers: false }),
        facts('mtx3', { isBackup: true, api: 'suspect' }),
      ],
      '- - -',
    ],
  ])('%s', (_, servers, expected) => {
    const fleetControl = control();
    fleetControl.round(servers, start);
    fleetControl.round(servers, start + 1000);
    fleetControl.round(servers, start + 60_000);
    expect(fleetControl.wanted()).toBe(expected);
  });

  it('are not made where a suspect server is only to get no new streams', () => {
    const suspects = control('suspect');
    const desired = suspects.round(fleet('suspect', 'ok', 'ok'), start);
    expect(suspects.wanted()).toBe('- - -');
    expect(desired.get('mtx1')?.because).toBe('its Control API does not answer: no new streams are placed there');
  });

  it('the guard says so, and drains when there is room again', () => {
    const fleetControl = control();
    const held = fleetControl.round(fleet('suspect', 'suspect', 'suspect', 'ok'), start).get('mtx3');
    expect(held).toMatchObject({
      isHeldBack: true,
      because: 'its Control API does not answer; not drained, because 2 of 4 servers are out already',
    });
    fleetControl.round(fleet('ok', 'suspect', 'suspect', 'ok'), start + 1000);
    expect(fleetControl.wanted()).toBe('drain drain - -');
    fleetControl.round(fleet('ok', 'suspect', 'suspect', 'ok'), start + 5000);
    // HAProxy has it drained until it was told.
    fleetControl.round(fleet('ok', 'suspect', 'suspect', 'ok'), start + 6000);
    expect(fleetControl.wanted()).toBe('- drain drain -');
  });

  it('who failed first goes first', () => {
    const fleetControl = control();
    fleetControl.round(fleet('ok', 'ok', 'suspect', 'ok'), start);
    fleetControl.round(fleet('suspect', 'suspect', 'suspect', 'ok'), start + 1000);
    expect(fleetControl.wanted()).toBe('drain - drain -');
  });

  it('end when the API has answered for the hold-down', () => {
    const fleetControl = control();
    fleetControl.round(fleet('suspect', 'ok', 'ok'), start);
    fleetControl.round(fleet('ok', 'ok', 'ok'), start + 10_000);
    fleetControl.round(fleet('ok', 'ok', 'ok'), start + 13_999);
    expect(fleetControl.wanted()).toBe('drain - -');
    fleetControl.round(fleet('ok', 'ok', 'ok'), start + 14_000);
    expect(fleetControl.wanted()).toBe('- - -');
  });
});

describe('the guard, when other servers fall out later', () => {
  const down = (name: string) => facts(name, { api: 'failing', operational: 'DOWN', takesViewers: false });
  /** mtx1 and mtx2 are drained, in this order. */
  const half = () => {
    const fleetControl = control();
    fleetControl.round(fleet('suspect', 'ok', 'ok', 'ok'), start);
    fleetControl.round(fleet('suspect', 'suspect', 'ok', 'ok'), start + 1000);
    expect(fleetControl.wanted()).toBe('drain drain - -');
    return fleetControl;
  };
  const suspects = fleet('suspect', 'suspect').slice(0, 2);

  it('gives back the one that was drained last, and says why', () => {
    const fleetControl = half();
    const servers = [...suspects, down('mtx3'), facts('mtx4')];
    expect(fleetControl.round(servers, start + 2000).get('mtx2')).toMatchObject({
      state: undefined,
      isHeldBack: true,
      because: 'its Control API does not answer; not drained, because 2 of 4 servers are out already',
    });
    expect(fleetControl.wanted()).toBe('drain - - -');
  });

  it('gives back no more than it must, also before HAProxy shows the first one ready', () => {
    const fleetControl = half();
    const servers = [...suspects, down('mtx3'), facts('mtx4')];
    fleetControl.round(servers, start + 2000);
    const stillDrained = servers.map((server) => ({ ...server, takesViewers: server.name === 'mtx4' }));
    fleetControl.round(stillDrained, start + 2100);
    fleetControl.round(servers, start + 20_000);
    expect(fleetControl.wanted()).toBe('drain - - -');
  });

  it('gives back all when half are out by themselves', () => {
    const fleetControl = half();
    fleetControl.round([...suspects, down('mtx3'), down('mtx4')], start + 2000);
    expect(fleetControl.wanted()).toBe('- - - -');
  });

  it('does not count it as a flap: the hold-down is that of a first one', () => {
    const fleetControl = half();
    fleetControl.round([...suspects, down('mtx3'), facts('mtx4')], start + 2000);
    fleetControl.round(fleet('suspect', 'suspect', 'ok', 'ok'), start + 10_000);
    expect(fleetControl.wanted()).toBe('drain drain - -');
    fleetControl.round(fleet('suspect', 'ok', 'ok', 'ok'), start + 20_000);
    fleetControl.round(fleet('suspect', 'ok', 'ok', 'ok'), start + 24_000);
    expect(fleetControl.wanted()).toBe('drain - - -');
  });

  it('leaves what an operator wants', () => {
    const fleetControl = half();
    const wanted = suspects.map((server) => ({ ...server, intent: intent('drain', start + 1500) }));
    fleetControl.round([...wanted, down('mtx3'), facts('mtx4')], start + 2000);
    expect(fleetControl.wanted()).toBe('drain drain - -');
  });
});

describe('flapping', () => {
  it.each([
    [2, 2],
    [4, 4],
    [1, 5],
    [1, 17],
    [5, 1],
    [3, 9],
  ])(
    'an API that fails for %i s and answers for %i s, for a minute: a handful of changes',
    (badSeconds, goodSeconds) => {
      const fleetControl = control();
      for (let second = 0; second < 60; second++) {
        const isBad = second % (badSeconds + goodSeconds) < badSeconds;
        fleetControl.round(fleet(isBad ? 'suspect' : 'ok', 'ok', 'ok'), start + second * 1000);
      }
      expect(fleetControl.changes()).toBeGreaterThan(0);
      expect(fleetControl.changes()).toBeLessThanOrEqual(5);
    },
  );

  it('in whatever rhythm: a handful of changes in the first minute', () => {
    const worst = { changes: 0, badSeconds: 0, goodSeconds: 0 };
    for (let badSeconds = 1; badSeconds < 20; badSeconds++) {
      for (let goodSeconds = 1; goodSeconds < 40; goodSeconds++) {
        const fleetControl = control();
        for (let second = 0; second < 60; second++) {
          const isBad = second % (badSeconds + goodSeconds) < badSeconds;
          fleetControl.round(fleet(isBad ? 'suspect' : 'ok', 'ok', 'ok'), start + second * 1000);
        }
        const changes = fleetControl.changes();
        if (changes > worst.changes) Object.assign(worst, { changes, badSeconds, goodSeconds });
      }
    }
    expect(worst).toMatchObject({ changes: 5 });
  });

  it('holds down longer with each flap, up to five minutes', () => {
    expect([1, 2, 3, 4, 7, 8, 50, 5000].map(holdDownMs)).toEqual([
      4000, 16_000, 64_000, 256_000, 300_000, 300_000, 300_000, 300_000,
    ]);
  });

  it('is forgotten after ten good minutes', () => {
    const fleetControl = control();
    const flap = (atMs: number, okForMs: number) => {
      fleetControl.round(fleet('suspect', 'ok', 'ok'), atMs);
      fleetControl.round(fleet('ok', 'ok', 'ok'), atMs + 1000);
      fleetControl.round(fleet('ok', 'ok', 'ok'), atMs + 1000 + okForMs);
      return fleetControl.wanted();
    };
    expect(flap(start, 4000)).toBe('- - -');
    expect(flap(start + 60_000, 4000)).toBe('drain - -');
    fleetControl.round(fleet('ok', 'ok', 'ok'), start + 120_000);
    fleetControl.round(fleet('ok', 'ok', 'ok'), start + 800_000);
    expect(flap(start + 900_000, 4000)).toBe('- - -');
  });

  it('a clock that was set back delays, and no more', () => {
    const fleetControl = control();
    fleetControl.round(fleet('suspect', 'ok', 'ok'), start);
    fleetControl.round(fleet('ok', 'ok', 'ok'), start + 1000);
    fleetControl.round(fleet('ok', 'ok', 'ok'), start - 3_600_000);
    fleetControl.round(fleet('ok', 'ok', 'ok'), start - 3_600_000 + 4000);
    expect(fleetControl.wanted()).toBe('- - -');
  });
});

describe('intents', () => {
  it('come before automatic action', () => {
    const fleetControl = control();
    const servers = [facts('mtx1', { api: 'suspect', intent: intent('maint') }), ...fleet('ok', 'ok').slice(1)];
    const desired = fleetControl.round(servers, start + 1000).get('mtx1');
    expect(desired).toMatchObject({ state: 'maint', by: 'intent', because: 'ada: update', reason: 'intent' });
  });

  it('a drain turns to maint at its deadline', () => {
    const fleetControl = control();
    const servers = [facts('mtx1', { intent: intent('drain', start, 60_000) }), facts('mtx2')];
    const before = fleetControl.round(servers, start + 59_999).get('mtx1');
    const after = fleetControl.round(servers, start + 60_000).get('mtx1');
    expect([before?.state, after?.state]).toEqual(['drain', 'maint']);
    expect(before?.intentId).not.toBe(after?.intentId);
    expect(after).toMatchObject({
      reason: 'deadline',
      because: 'the deadline of the drain has passed; ada: update',
    });
  });

  it('ready ends an automatic drain and its damping, until the API has answered and fails again', () => {
    const fleetControl = control();
    const servers = (api: ApiHealth, given?: Intent) => [facts('mtx1', { api, intent: given }), facts('mtx2')];
    fleetControl.round(servers('suspect'), start);
    expect(fleetControl.wanted()).toBe('drain -');
    const ready = intent('ready', start + 5000);
    fleetControl.round(servers('suspect', ready), start + 5000);
    fleetControl.round(servers('suspect', ready), start + 60_000);
    expect(fleetControl.wanted()).toBe('ready -');
    fleetControl.round(servers('ok', ready), start + 61_000);
    fleetControl.round(servers('suspect', ready), start + 70_000);
    expect(fleetControl.wanted()).toBe('drain -');
    // The first flap again: 4 s.
    fleetControl.round(servers('ok', ready), start + 80_000);
    fleetControl.round(servers('ok', ready), start + 84_000);
    expect(fleetControl.wanted()).toBe('ready -');
  });
});

it('forgets servers that are gone', () => {
  const { memory } = desiredState(new Map(), fleet('ok', 'suspect'), { onApiFailure: 'drain' }, start);
  const next = desiredState(memory, fleet('ok'), { onApiFailure: 'drain' }, start + 1000);
  expect([...next.memory.keys()]).toEqual(['mtx1']);
});

describe('what another agent decided', () => {
  const options = (...decided: string[]) => ({ onApiFailure: 'drain', decided: new Set(decided) }) as const;
  const states = (
    servers: readonly ServerFacts[],
    decided: readonly string[],
    memory: DesiredStateMemory = new Map(),
  ) => {
    const made = desiredState(memory, servers, options(...decided), start);
    return [...made.desired.values()].map(({ state }) => state ?? '-').join(' ');
  };

  it('is carried out, whatever this one thinks of the servers', () => {
    expect(states(fleet('suspect', 'ok', 'ok', 'ok'), [])).toBe('- - - -');
    expect(states(fleet('ok', 'ok', 'ok', 'ok'), ['mtx2'])).toBe('- drain - -');
    expect(states(fleet('ok', 'ok'), ['mtx1', 'mtx2'])).toBe('drain drain');
  });

  it('is what this one goes on from, should it come to decide', () => {
    const { memory } = desiredState(new Map(), fleet('suspect', 'ok', 'ok'), options('mtx1'), start);
    const next = desiredState(memory, fleet('suspect', 'ok', 'ok'), { onApiFailure: 'drain' }, start + 1000);
    expect([...next.desired.values()].map(({ state }) => state ?? '-').join(' ')).toBe('drain - -');
  });

  it('does not stand against an operator', () => {
    const [first, ...rest] = fleet('ok', 'ok', 'ok');
    expect(states([{ ...facts('mtx1'), ...first, intent: intent('maint') }, ...rest], ['mtx1'])).toBe('maint - -');
  });
});
