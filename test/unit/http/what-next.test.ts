import type { Move, NodeTables } from '../../../src/control/views';
import { whatNext } from '../../../src/http/what-next';
import type { Explanation } from '../../../src/router';

const explained = (more: Partial<Explanation> = {}): Explanation => ({
  stream: 'live/a',
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
  sessions: {},
  error: undefined,
  ...more,
});
const move: Move = { stream: 'live/a', server: 'mtx3', reason: '', operator: 'bob', since: '' };

const cases: [string, Explanation, readonly NodeTables[] | undefined, Move | undefined, string[]][] = [
  [
    'no HAProxy is known',
    explained(),
    undefined,
    undefined,
    ['The next viewer makes HAProxy ask, and is sent to mtx1.'],
  ],
  [
    'the map has it',
    explained(),
    [node({ sessions: { mtx1: 2, mtx2: 0 } })],
    undefined,
    [
      'Those who play stay with the server of their session: 2 on mtx1.',
      'The next viewer is sent to mtx1: routes.map names it, so HAProxy need not ask.',
      'Without the agent HAProxy goes to mtx1, the last that answered, then tries the others.',
    ],
  ],
  [
    'the map is behind',
    explained(),
    [node({ route: 'mtx2', lastServer: undefined })],
    undefined,
    [
      'The next viewer is sent to mtx2: routes.map names it, so HAProxy need not ask.',
      'That is not what is decided now (mtx1); the map is put right within a second.',
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
    'two nodes share their sessions, and one more is away',
    explained(),
    [
      node({ sessions: { mtx1: 2 } }),
      node({ node: 'lb2', sessions: { mtx1: 3 } }),
      node({ node: 'lb3', error: 'no socket' }),
    ],
    undefined,
    [
      'Those who play stay with the server of their session: 3 on mtx1.',
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

it.each(cases)('says what comes next when %s', (_when, explanation, tables, inForce, sentences) => {
  expect(whatNext(explanation, tables, inForce)).toEqual(sentences);
});
