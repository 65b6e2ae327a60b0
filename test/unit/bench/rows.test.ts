import { createRows } from '../../../bench/rows';

describe('rows of a bench', () => {
  test('a ratio is held against its goal, and says what it is a ratio to', () => {
    const { rows, add } = createRows('route', '2.6.12');
    add('spoe', 'ratio of decider-us', 1.30001, { goal: '<=1.3', yardstick: 'spoe-floor' });
    add('spoe', 'ratio of decider-us', 1.3, { goal: '<=1.3', yardstick: 'spoe-floor' });
    add('spoe', 'ratio of req/s', 0.89, { goal: '>=0.9', yardstick: 'static-map' });
    expect(rows.map(({ met }) => met)).toEqual([false, true, false]);
    expect(rows[2]).toEqual({
      bench: 'route',
      case: 'spoe',
      haproxy: '2.6.12',
      value: 0.89,
      unit: 'ratio of req/s',
      yardstick: 'static-map',
      goal: '>=0.9',
      met: false,
    });
  });

  test('an absolute value has neither yardstick nor goal, in JSON not even their names', () => {
    const { rows, add } = createRows('route', '2.6.12');
    add('spoe', 'decider-us/decision', 2.96789);
    expect(JSON.parse(JSON.stringify(rows))).toEqual([
      { bench: 'route', case: 'spoe', haproxy: '2.6.12', value: 2.968, unit: 'decider-us/decision' },
    ]);
  });
});
