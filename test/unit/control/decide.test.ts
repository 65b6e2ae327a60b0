import { afterCommand, type Command, decide, type NodeFacts } from '../../../src/control/decide';
import type { DesiredServer } from '../../../src/control/desired-state';
import {
  emptyNodeMemory,
  enterProcess,
  type NodeMemory,
  readNodeMemory,
  resumeNodeMemory,
  toStoredNodeMemory,
} from '../../../src/control/node-memory';
import type { IntentKind } from '../../../src/control/views';
import type { ServerState } from '../../../src/runtime';

const bits = { ready: 0, drain: 8, maint: 1, disabled: 5, inheritedMaint: 2, inheritedDrain: 16, unresolved: 32 };

function server(admin: keyof typeof bits, change: Partial<ServerState> = {}): ServerState {
  return {
    backendId: 3,
    backendName: 'mtx',
    serverId: 1,
    serverName: 'mtx1',
    address: '10.0.0.1',
    fqdn: undefined,
    srvRecord: undefined,
    port: 8888,
    operational: admin === 'ready' || admin === 'drain' ? 'running' : 'stopped',
    adminBits: bits[admin],
    weight: 1,
    configuredWeight: 1,
    secondsSinceLastChange: 9,
    ...change,
  };
}

const nobody: DesiredServer = {
  state: undefined,
  by: 'nobody',
  intentId: undefined,
  reason: 'undo',
  because: '-',
  isHeldBack: false,
};
const intent = (state: IntentKind, id = '1'): DesiredServer => ({
  ...nobody,
  state,
  by: 'intent',
  intentId: `${id} ${state}`,
  reason: 'intent',
});
const automatic: DesiredServer = { ...nobody, state: 'drain', by: 'automatic', reason: 'api-suspect' };

const facts = (state: ServerState, desired: DesiredServer, change: Partial<NodeFacts> = {}): NodeFacts => ({
  states: [state],
  uptimeSeconds: 100,
  desired: new Map([['mtx1', desired]]),
  weights: new Map(),
  sessions: undefined,
  ...change,
});

const short = (command: Command): string => {
  if (command.kind === 'set-state') return `${command.state} (${command.reason})`;
  return command.kind === 'set-weight' ? `weight ${command.weight} (${command.reason})` : `clear ${command.serverId}`;
};

/** One look: decides, and lets every command succeed unless told otherwise. */
function look(memory: NodeMemory, given: NodeFacts, nowMs: number, succeeds = true) {
  const decided = decide(memory, given, nowMs);
  const after = decided.commands.reduce((now, command) => afterCommand(now, command, succeeds), decided.memory);
  const isExternal = after.servers.get('mtx1')?.isExternal === true;
  return { memory: after, did: decided.commands.map(short).join(', '), isExternal, lookAgain: decided.lookAgain };
}

/** A story: what HAProxy shows and what is wanted at each look, and what is done. */
type Step = readonly [shown: keyof typeof bits, desired: DesiredServer, did: string, isExternal?: 'external'];

describe('what is done at each look (a second apart)', () => {
  it.each<[string, Step[]]>([
    [
      'nothing to do',
      [
        ['ready', nobody, ''],
        ['ready', nobody, ''],
      ],
    ],
    [
      'drain, and nothing is repeated',
      [
        ['ready', nobody, ''],
        ['ready', intent('drain'), 'drain (intent)'],
        ['drain', intent('drain'), ''],
        ['drain', intent('drain'), ''],
      ],
    ],
    [
      'drained already',
      [
        ['drain', intent('drain'), ''],
        ['drain', intent('drain'), ''],
      ],
    ],
    [
      'drain turns to maint, then ready',
      [
        ['ready', intent('drain'), 'drain (intent)'],
        ['drain', intent('maint'), 'maint (intent), clear 1'],
        ['maint', intent('maint'), ''],
        ['maint', intent('ready', '2'), 'ready (intent)'],
        ['ready', intent('ready', '2'), ''],
      ],
    ],
    [
      'automatic drain and recovery',
      [
        ['ready', nobody, ''],
        ['ready', automatic, 'drain (api-suspect)'],
        ['drain', automatic, ''],
        ['drain', nobody, 'ready (api-recovered)'],
        ['ready', nobody, ''],
      ],
    ],
    [
      'a hand is believed at the second look, and left alone',
      [
        ['ready', nobody, ''],
        ['drain', nobody, ''],
        ['drain', nobody, '', 'external'],
        ['drain', nobody, '', 'external'],
        ['ready', nobody, '', 'external'],
        ['ready', nobody, ''],
      ],
    ],
    [
      'a hand against an intent',
      [
        ['ready', intent('drain'), 'drain (intent)'],
        ['drain', intent('drain'), ''],
        ['ready', intent('drain'), ''],
        ['ready', intent('drain'), '', 'external'],
        ['ready', intent('drain'), '', 'external'],
        ['ready', intent('drain', '2'), 'drain (intent)'],
        ['drain', intent('drain', '2'), ''],
      ],
    ],
    [
      'a new intent does not wait until a hand is believed',
      [
        ['ready', nobody, ''],
        ['maint', intent('ready'), 'ready (intent)'],
        ['ready', intent('ready'), ''],
      ],
    ],
    [
      'a hand that drains is not undone by automatic recovery',
      [
        ['ready', nobody, ''],
        ['drain', nobody, ''],
        ['drain', automatic, '', 'external'],
        ['drain', automatic, '', 'external'],
        ['drain', nobody, '', 'external'],
      ],
    ],
    [
      'a hand that undoes an automatic drain',
      [
        ['ready', automatic, 'drain (api-suspect)'],
        ['drain', automatic, ''],
        ['ready', automatic, ''],
        ['ready', automatic, '', 'external'],
        ['ready', nobody, ''],
        ['ready', automatic, 'drain (api-suspect)'],
      ],
    ],
    [
      'a hand that took it back at once was never there',
      [
        ['ready', nobody, ''],
        ['drain', nobody, ''],
        ['ready', nobody, ''],
        ['drain', nobody, ''],
      ],
    ],
    [
      'disabled in haproxy.cfg',
      [
        ['disabled', nobody, '', 'external'],
        ['disabled', intent('ready'), 'ready (intent)'],
      ],
    ],
    [
      'drained before the agent came',
      [
        ['drain', nobody, '', 'external'],
        ['drain', automatic, '', 'external'],
      ],
    ],
    [
      'the maintenance of a tracked server is nobody’s to set',
      [
        ['inheritedMaint', nobody, ''],
        ['inheritedMaint', intent('ready'), ''],
      ],
    ],
    [
      'a name without an address',
      [
        ['unresolved', nobody, ''],
        ['unresolved', intent('ready'), ''],
      ],
    ],
  ])('%s', (_, steps) => {
    let memory = emptyNodeMemory;
    for (const [i, [shown, desired, did, external]] of steps.entries()) {
      const step = look(memory, facts(server(shown), desired), i * 1000);
      expect({ step: i, did: step.did, isExternal: step.isExternal }).toEqual({
        step: i,
        did,
        isExternal: external === 'external',
      });
      memory = step.memory;
    }
  });

  it('looks again soon at what differs, and does not believe it sooner', () => {
    const known = look(emptyNodeMemory, facts(server('ready'), nobody), 0).memory;
    const doubt = look(known, facts(server('drain'), nobody), 1000);
    expect(doubt).toMatchObject({ lookAgain: true, isExternal: false });
    const tooSoon = look(doubt.memory, facts(server('drain'), nobody), 1100);
    expect(tooSoon).toMatchObject({ lookAgain: true, isExternal: false });
    expect(look(tooSoon.memory, facts(server('drain'), nobody), 1250)).toMatchObject({
      lookAgain: false,
      isExternal: true,
    });
  });

  it('a command whose end nobody knows is decided anew by what is seen', () => {
    const failed = look(emptyNodeMemory, facts(server('ready'), intent('drain')), 0, false);
    const retried = look(failed.memory, facts(server('ready'), intent('drain')), 1000);
    expect([failed.did, retried.did]).toEqual(['drain (intent)', 'drain (intent)']);
    const wasDone = look(failed.memory, facts(server('drain'), intent('drain')), 1000);
    expect([wasDone.did, wasDone.isExternal]).toEqual(['', false]);
    // Also where automatic action began it and has ended since: it was no hand.
    const lost = look(emptyNodeMemory, facts(server('ready'), automatic), 0, false);
    expect(look(lost.memory, facts(server('drain'), nobody), 1000).did).toBe('ready (api-recovered)');
  });
});

describe('weights', () => {
  const auto = (weight: number): Partial<NodeFacts> => ({ weights: new Map([['mtx1', weight]]) });
  const weighted = (weight: number, admin: keyof typeof bits = 'ready') => server(admin, { weight });

  it('follow load, once for each change', () => {
    const first = look(emptyNodeMemory, facts(weighted(1), nobody, auto(128)), 0);
    const second = look(first.memory, facts(weighted(128), nobody, auto(128)), 1000);
    const third = look(second.memory, facts(weighted(128), nobody, auto(64)), 2000);
    expect([first.did, second.did, third.did]).toEqual(['weight 128 (load)', '', 'weight 64 (load)']);
  });

  it('rest while a server is drained, and are set when it is ready again', () => {
    const drained = look(emptyNodeMemory, facts(weighted(1), intent('drain'), auto(128)), 0);
    const still = look(drained.memory, facts(weighted(1, 'drain'), intent('drain'), auto(90)), 1000);
    const ready = look(still.memory, facts(weighted(1, 'drain'), intent('ready', '2'), auto(90)), 2000);
    expect([drained.did, still.did, ready.did]).toEqual(['drain (intent)', '', 'ready (intent), weight 90 (load)']);
  });

  it('set by hand are left alone, until the intent ready', () => {
    const known = look(emptyNodeMemory, facts(weighted(1), nobody, auto(128)), 0);
    const seen = look(known.memory, facts(weighted(7), nobody, auto(128)), 1000);
    const believed = look(seen.memory, facts(weighted(7), nobody, auto(60)), 2000);
    const drained = look(believed.memory, facts(weighted(7), intent('drain'), auto(60)), 3000);
    const ready = look(drained.memory, facts(weighted(7, 'drain'), intent('ready', '2')), 4000);
    expect([seen.did, believed.did, drained.did, ready.did]).toEqual([
      '',
      '',
      'drain (intent)',
      'ready (intent), weight 1 (intent)',
    ]);
  });

  it('go back to those of haproxy.cfg when they are no longer to follow load', () => {
    const set = look(emptyNodeMemory, facts(weighted(1), nobody, auto(128)), 0);
    const off = look(set.memory, facts(weighted(128), nobody), 1000);
    const over = look(off.memory, facts(weighted(1), nobody), 2000);
    expect([off.did, over.did]).toEqual(['weight 1 (undo)', '']);
  });

  it('are never given to a server that haproxy.cfg gives 0', () => {
    expect(
      look(emptyNodeMemory, facts(server('ready', { weight: 0, configuredWeight: 0 }), nobody, auto(1)), 0).did,
    ).toBe('');
  });
});

describe('maint', () => {
  it('clears again while entries are left', () => {
    const first = look(emptyNodeMemory, facts(server('ready'), intent('maint')), 0);
    const left = look(
      first.memory,
      facts(server('maint'), intent('maint'), { sessions: new Map([['mtx1', 2]]) }),
      1000,
    );
    const none = look(left.memory, facts(server('maint'), intent('maint'), { sessions: new Map([['mtx2', 9]]) }), 2000);
    expect([first.did, left.did, none.did]).toEqual(['maint (intent), clear 1', 'clear 1', '']);
  });

  it('clears until it is done, once', () => {
    const entered = decide(emptyNodeMemory, facts(server('ready'), intent('maint')), 0);
    const [set, clear] = entered.commands;
    if (set === undefined || clear === undefined) throw new Error('two commands are needed');
    const half = afterCommand(afterCommand(entered.memory, set, true), clear, false);
    const again = look(half, facts(server('maint'), intent('maint')), 1000);
    expect([again.did, look(again.memory, facts(server('maint'), intent('maint')), 2000).did]).toEqual(['clear 1', '']);
  });

  it('of a server that a hand had set to maint clears too', () => {
    const byHand = look(emptyNodeMemory, facts(server('maint'), nobody), 0);
    const ordered = look(byHand.memory, facts(server('maint'), intent('maint')), 1000);
    const after = look(ordered.memory, facts(server('maint'), intent('maint')), 2000);
    expect([byHand.isExternal, ordered.did, after.did, after.isExternal]).toEqual([true, 'clear 1', '', false]);
  });

  it('set by hand clears nothing', () => {
    const shown = facts(server('maint'), nobody, { sessions: new Map([['mtx1', 2]]) });
    expect(look(emptyNodeMemory, shown, 0)).toMatchObject({ did: '', isExternal: true });
  });
});

it('does states first, then weights, then what goes through tables', () => {
  const named = (name: string, serverId: number) => server('ready', { serverName: name, serverId });
  const given: NodeFacts = {
    ...facts(server('ready'), nobody),
    states: [named('mtx1', 1), named('mtx2', 2), named('mtx3', 3)],
    desired: new Map([
      ['mtx1', intent('maint')],
      ['mtx2', nobody],
      ['mtx3', intent('drain')],
    ]),
    weights: new Map([['mtx2', 64]]),
  };
  const expected = 'maint (intent), drain (intent), weight 64 (load), clear 1';
  expect(look(emptyNodeMemory, given, 0).did).toBe(expected);
});

describe('weights by load that are not known', () => {
  const byLoad = new Map([['mtx1', 64]]);
  const given = (weight: number, weights: NodeFacts['weights']) =>
    facts(server('ready', { weight }), nobody, { weights });

  it('leave those of an earlier life of the agent alone', () => {
    const before = look(emptyNodeMemory, given(1, byLoad), 0).memory;
    const kept = readNodeMemory(
      JSON.parse(JSON.stringify(toStoredNodeMemory({ ...before, process: { pid: 7, startedMs: 0 } }))),
    );
    if (kept === undefined) throw new Error('not read');
    const unknown = look(resumeNodeMemory(kept), given(64, undefined), 1000);
    const known = look(unknown.memory, given(64, byLoad), 2000);
    expect([unknown.did, known.did]).toEqual(['', '']);
  });

  it('are not those that are off: what was set by load is undone', () => {
    const before = look(emptyNodeMemory, given(1, byLoad), 0).memory;
    expect(look(before, given(64, new Map()), 1000).did).toBe('weight 1 (undo)');
  });
});

it('what the guard gives back is no recovery', () => {
  const drained = look(emptyNodeMemory, facts(server('ready'), automatic), 0).memory;
  expect(look(drained, facts(server('drain'), { ...nobody, isHeldBack: true }), 1000).did).toBe('ready (undo)');
});

describe('another HAProxy process', () => {
  const drained = look(
    enterProcess(emptyNodeMemory, { pid: 7, startedMs: 1_000_000 }),
    facts(server('ready'), intent('drain')),
    0,
  ).memory;
  const handmade = [
    facts(server('ready'), nobody),
    facts(server('drain'), nobody),
    facts(server('drain'), nobody),
  ].reduce(
    (memory, given, i) => look(memory, given, i * 1000).memory,
    enterProcess(emptyNodeMemory, { pid: 7, startedMs: 1_000_000 }),
  );
  const reloaded = { pid: 8, startedMs: 2_000_000 };
  const young = { uptimeSeconds: 0 };

  it('gets everything again', () => {
    const next = enterProcess(drained, reloaded);
    expect(look(next, facts(server('ready'), intent('drain'), young), 5000).did).toBe('drain (intent)');
    expect(look(next, facts(server('drain'), intent('drain'), young), 5000).did).toBe('');
  });

  it('forgets what a hand had set', () => {
    expect(look(handmade, facts(server('drain'), nobody), 4000).isExternal).toBe(true);
    const next = look(enterProcess(handmade, reloaded), facts(server('ready'), intent('drain'), young), 5000);
    expect(next).toMatchObject({ did: 'drain (intent)', isExternal: false });
  });

  it('that a state file gave what automatic action had set, is made ready in time', () => {
    const auto = look(emptyNodeMemory, facts(server('ready'), automatic), 0).memory;
    const next = look(enterProcess(auto, reloaded), facts(server('drain'), nobody, young), 5000);
    expect(next).toMatchObject({ did: 'ready (api-recovered)', isExternal: false });
  });

  it('may not have got what was sent to its predecessor: it is sent again, and is nobody’s hand', () => {
    const sent = look(enterProcess(drained, reloaded), facts(server('ready'), intent('drain'), young), 5000);
    const again = look(sent.memory, facts(server('ready'), intent('drain'), { uptimeSeconds: 1 }), 6000);
    expect(again).toMatchObject({ did: 'drain (intent)', isExternal: false });
  });

  it('is told from the same one, also over a restart of the agent', () => {
    expect(enterProcess(drained, { pid: 7, startedMs: 1_000_900 })).toBe(drained);
    expect(enterProcess(drained, { pid: 7, startedMs: 9_000_000 }).servers.size).toBe(0);
    const kept = readNodeMemory(JSON.parse(JSON.stringify(toStoredNodeMemory(drained))));
    if (kept === undefined) throw new Error('not read');
    const resumed = enterProcess(resumeNodeMemory(kept), { pid: 7, startedMs: 1_001_000 });
    expect(look(resumed, facts(server('drain'), intent('drain')), 9000).did).toBe('');
    // A hand that came while no agent ran is respected.
    const seen = look(resumed, facts(server('ready'), intent('drain')), 9000);
    expect(look(seen.memory, facts(server('ready'), intent('drain')), 10_000)).toMatchObject({
      did: '',
      isExternal: true,
    });
  });

  it.each([null, 7, {}, { process: {}, servers: {} }, { process: { pid: 1, startedMs: 2 } }])(
    'a kept memory that cannot be read: %j',
    (value) => expect(readNodeMemory(value)).toBeUndefined(),
  );
});

it('picks up servers that come, go and are renamed, and leaves alone what nobody spoke of', () => {
  const named = (name: string, serverId: number) => server('ready', { serverName: name, serverId });
  const desired = new Map([
    ['mtx1', intent('drain')],
    ['mtx9', intent('maint')],
  ]);
  const at = (states: ServerState[], memory: NodeMemory, nowMs: number) =>
    look(memory, { ...facts(server('ready'), nobody), states, desired }, nowMs);
  const first = at([named('mtx1', 1), named('mtx2', 2)], emptyNodeMemory, 0);
  const second = at([named('mtx2', 2), named('mtx9', 9)], first.memory, 1000);
  expect([first.did, second.did]).toEqual(['drain (intent)', 'maint (intent), clear 9']);
  expect([...second.memory.servers.keys()]).toEqual(['mtx2', 'mtx9']);
});

describe('where other agents carry out the same orders', () => {
  const shared = { isShared: true, knowsOthers: true };
  /** Looks a second apart; what was done, and whether it is taken for a stranger's. */
  function tell(
    steps: readonly (readonly [ServerState, DesiredServer, Partial<NodeFacts>?])[],
    memory = emptyNodeMemory,
  ) {
    const told: string[] = [];
    for (const [index, [state, desired, change]] of steps.entries()) {
      const seen = look(memory, facts(state, desired, { ...shared, ...change }), 1000 * index);
      memory = seen.memory;
      told.push(`${seen.did || '-'}${seen.isExternal ? ' external' : ''}`);
    }
    return told;
  }

  it('what another one drained on its own is nobody else’s, and can be undone by this one', () => {
    const steps = [
      [server('ready'), nobody],
      [server('drain'), automatic],
      [server('drain'), automatic],
      [server('drain'), nobody],
      [server('ready'), nobody],
    ] as const;
    expect(tell(steps)).toEqual(['-', '-', '-', 'ready (api-recovered)', '-']);
    // Also at the first sight of it.
    expect(tell(steps.slice(1))).toEqual(['-', '-', 'ready (api-recovered)', '-']);
  });

  it('what another one undid is nobody else’s either', () => {
    expect(
      tell([
        [server('ready'), automatic],
        [server('drain'), automatic],
        [server('ready'), nobody],
        [server('ready'), nobody],
        [server('ready'), automatic],
      ]),
    ).toEqual(['drain (api-suspect)', '-', '-', '-', 'drain (api-suspect)']);
  });

  it('a hand is still a hand', () => {
    expect(
      tell([
        [server('ready'), nobody],
        [server('drain'), nobody],
        [server('drain'), nobody],
        [server('drain'), automatic],
        [server('drain'), nobody],
      ]),
    ).toEqual(['-', '-', '- external', '- external', '- external']);
  });

  it('weights that another one set by the same figures are followed on', () => {
    const weights = (weight: number) => ({ weights: new Map([['mtx1', weight]]) });
    const at = (weight: number) => server('ready', { weight, configuredWeight: 10 });
    expect(
      tell([
        [at(10), nobody, weights(10)],
        [at(7), nobody, weights(7)],
        [at(7), nobody, weights(5)],
        [at(5), nobody, {}],
      ]),
    ).toEqual(['-', '-', 'weight 5 (load)', 'weight 10 (undo)']);
  });

  it('a difference stays a doubt, and is left alone, as long as it is not known what others were told', () => {
    const away = { knowsOthers: false };
    expect(
      tell([
        [server('ready'), nobody],
        [server('drain'), nobody, away],
        [server('drain'), nobody, away],
        [server('drain'), nobody, away],
        [server('drain'), intent('drain')],
        [server('drain'), intent('drain')],
      ]),
    ).toEqual(['-', '-', '-', '-', '-', '-']);
    expect(
      tell([
        [server('ready'), nobody],
        [server('drain'), nobody, away],
        [server('drain'), nobody],
      ]),
    ).toEqual(['-', '-', '- external']);
  });

  it.each<[string, Partial<NodeFacts>]>([
    ['at the first sight of a server', {}],
    ['while HAProxy is young', { uptimeSeconds: 1 }],
  ])('the same %s', (_, change) => {
    const away = { ...change, knowsOthers: false };
    const first = change.uptimeSeconds === undefined ? [] : ([[server('ready'), nobody, change]] as const);
    const none = first.map(() => '-');
    expect(tell([...first, [server('drain'), nobody, away], [server('drain'), intent('drain'), change]])).toEqual([
      ...none,
      '-',
      '-',
    ]);
    expect(
      tell([
        ...first,
        [server('drain'), nobody, away],
        [server('drain'), automatic, change],
        [server('drain'), nobody, change],
      ]),
    ).toEqual([...none, '-', '-', 'ready (api-recovered)']);
    expect(tell([...first, [server('drain'), nobody, away], [server('drain'), nobody, change]])).toEqual([
      ...none,
      '-',
      '- external',
    ]);
    // An older order does not undo a newer one that is not known yet.
    expect(
      tell([
        [server('drain'), intent('ready'), { knowsOthers: false }],
        [server('drain'), intent('drain', '2')],
      ]),
    ).toEqual(['-', '-']);
  });
});

it("an empty slot is told nothing, and what was set on it is no stranger's doing when the next server comes", () => {
  const drained = server('drain');
  const first = decide(emptyNodeMemory, facts(server('ready'), intent('drain')), 0);
  const set = first.commands.reduce((memory, command) => afterCommand(memory, command, true), first.memory);
  expect(first.commands).toHaveLength(1);
  // Neither an order nor a weight reaches it.
  const empty = server('drain', { adminBits: 8 | 0x20, address: undefined, fqdn: 'mtx.example' });
  const change = { weights: new Map([['mtx1', 7]]) };
  const meanwhile = decide(set, facts(empty, intent('maint', '2'), change), 1000);
  expect(meanwhile.commands).toEqual([]);
  expect(decide(emptyNodeMemory, facts(empty, intent('maint')), 0).memory.servers.size).toBe(0);
  const next = decide(meanwhile.memory, facts({ ...drained, address: '10.0.0.9' }, intent('drain')), 2000);
  expect(next.commands).toEqual([]);
  expect(next.memory.servers.get('mtx1')).toMatchObject({ isExternal: false, own: { state: 'drain', by: 'intent' } });
});
