import { whatNext } from '../../../src/api/what-next';
import type { Move, NodeTables } from '../../../src/control/views';
import type { Explanation } from '../../../src/router';

const explained = (more: Partial<Explanation> = {}): Explanation => ({
  stream: 'live/a',
  kind: 'mediamtx',
  session: undefined,
  state: 'located',
  server: 'mtx1',
  rule: 'only-holder',
  because: '',
  evidence: [],
  ...more,
});
const placed = explained({ state: 'placed', server: 'mtx2', rule: 'placed-by-hash' });
const unknown = explained({ state: 'unknown', server: undefined, rule: 'no-evidence' });
const node = (more: Partial<NodeTables> = {}): NodeTables => ({
  node: 'lb1',
  lastServer: 'mtx1',
  route: 'mtx1',
  push: 'right',
  agentsUp: 1,
  sessions: {},
  error: undefined,
  ...more,
});
const move: Move = { stream: 'live/a', server: 'mtx3', reason: '', operator: 'bob', since: '' };

const cases: [
  string,
  Explanation,
  readonly NodeTables[] | undefined,
  Move | undefined,
  string[],
  Map<string, number>?,
][] = [
  [
    'no HAProxy is known',
    explained(),
    undefined,
    undefined,
    ['The next viewer makes HAProxy ask, and is sent to mtx1.'],
  ],
  [
    'a filler',
    explained({ rule: 'filler' }),
    undefined,
    undefined,
    [
      'The next viewer makes HAProxy ask, and is sent to mtx1.',
      'As soon as somebody publishes live/a on another server, new viewers go there; who watches the filler stays with it until they start again.',
    ],
  ],
  [
    'the map has it',
    explained(),
    [node({ sessions: { mtx1: 5, mtx2: 0 } })],
    undefined,
    [
      'Those who play stay with the server of their session: 2 on mtx1, 1 on mtx3.',
      'The next viewer is sent to mtx1: routes.map names it, so HAProxy need not ask.',
      'Without the agent HAProxy goes to mtx1, the last that answered, then tries the others.',
    ],
    new Map([
      ['mtx1', 2],
      ['mtx3', 1],
    ]),
  ],
  [
    'HAProxy remembers sessions, and nobody plays any more',
    explained(),
    [node({ sessions: { mtx1: 5 } })],
    undefined,
    [
      'The next viewer is sent to mtx1: routes.map names it, so HAProxy need not ask.',
      'Without the agent HAProxy goes to mtx1, the last that answered, then tries the others.',
    ],
    new Map(),
  ],
  ...(
    [
      ['behind', 'the change is on its way to the map'],
      ['starting', 'the change is on its way to the map'],
      ['refused', 'the map cannot be written now, which is tried again at least every 30 seconds'],
      ['right', 'somebody else changed the map, which is compared and put right about once a minute'],
      [undefined, 'this agent does not keep the map'],
    ] as const
  ).map(([push, when]): (typeof cases)[number] => [
    `the map says something else, and its push is ${push ?? 'off'}`,
    explained(),
    [node({ route: 'mtx2', lastServer: undefined, push })],
    undefined,
    [
      'The next viewer is sent to mtx2: routes.map names it, so HAProxy need not ask.',
      `That is not what is decided now (mtx1); ${when}.`,
      'Without the agent HAProxy tries the servers in turn.',
    ],
  ]),
  [
    'HAProxy has no agent that is up',
    placed,
    [node({ agentsUp: 0 }), node({ node: 'lb2', agentsUp: 0, lastServer: undefined })],
    undefined,
    [
      'The next viewer at lb1 comes while HAProxy has no agent that is up: none is asked, and routes.map is not read. HAProxy goes to mtx1, the last that answered, then tries the others.',
      'The next viewer at lb2 comes while HAProxy has no agent that is up: none is asked, and routes.map is not read. HAProxy tries the servers in turn.',
    ],
  ],
  [
    'it is not known whether HAProxy sees the agent',
    explained(),
    [node({ agentsUp: undefined, lastServer: undefined })],
    undefined,
    [
      'The next viewer is sent to mtx1: routes.map names it, so HAProxy need not ask.',
      'Without the agent HAProxy tries the servers in turn.',
    ],
  ],
  [
    'nobody has it',
    placed,
    [node({ route: undefined, lastServer: undefined })],
    undefined,
    [
      'The next viewer makes HAProxy ask, and is sent to mtx2.',
      'Without the agent HAProxy tries the servers in turn.',
      'If live/a is on demand it starts on mtx2; otherwise mtx2 answers 404 until somebody publishes.',
    ],
  ],
  [
    'nothing is known',
    unknown,
    undefined,
    undefined,
    [
      'The next viewer makes HAProxy ask, and gets no server: it goes by its own memory, then tries the servers in turn.',
    ],
  ],
  [
    'two nodes remember sessions, nobody counts viewers, and one more node is away',
    explained(),
    [
      node({ sessions: { mtx1: 2 } }),
      node({ node: 'lb2', sessions: { mtx1: 3 } }),
      node({ node: 'lb3', error: 'no socket' }),
    ],
    undefined,
    [
      'Sessions that HAProxy remembers stay with their server, also those of viewers who have gone: 5 on mtx1.',
      'The next viewer at lb1 is sent to mtx1: routes.map names it, so HAProxy need not ask.',
      'Without the agent HAProxy goes to mtx1, the last that answered, then tries the others.',
      'The next viewer at lb2 is sent to mtx1: routes.map names it, so HAProxy need not ask.',
      'Without the agent HAProxy goes to mtx1, the last that answered, then tries the others.',
      'What lb3 holds is not known: no socket.',
    ],
  ],
  [
    'it was moved',
    explained({ server: 'mtx3', rule: 'moved-by-operator' }),
    undefined,
    move,
    [
      'The next viewer makes HAProxy ask, and is sent to mtx3.',
      'The move to mtx3 holds until it is cleared ("mtxpilot move live/a --clear") or mtx3 loses the stream.',
    ],
  ],
  [
    'the name cannot be',
    explained({ rule: 'invalid-name', state: 'unknown' }),
    undefined,
    undefined,
    ['HAProxy refuses a request for it.'],
  ],
];

it.each(cases)('says what comes next when %s', (_when, explanation, tables, move, sentences, ...[playing]) => {
  expect(whatNext(explanation, { tables, move, playing })).toEqual(sentences);
});
