import {
  type Collector,
  counter,
  createMetricsPage,
  createTimeHistogram,
  gauge,
  histogram,
  observeSeconds,
  renamed,
  samplesOf,
} from '../../../src/measure';

interface Kitchen {
  readonly pots: number;
  readonly meals: Readonly<Record<string, number>>;
}

const time = createTimeHistogram([0.5, 1]);
const kitchenMetrics: Collector<Kitchen> = {
  component: 'Kitchen',
  metrics: {
    kitchen_pots: renamed(
      'kitchen_pans',
      gauge('Pots on the stove.', ({ pots }) => pots),
    ),
    kitchen_meals_total: counter('Meals by course.', ['room', 'course'], ({ meals }) => samplesOf(meals, 'big-Room')),
    kitchen_meal_duration_seconds: histogram('Time of a meal.', ['room'], () => [['a "b"\\\n', time]]),
  },
};
const ofLibrary = { component: 'Library', name: 'library_books', type: 'gauge', help: 'Books.', labels: [] };
const library = { list: () => [ofLibrary], text: () => Promise.resolve('# HELP library_books Books.') };

async function blocksOf(source?: Kitchen): Promise<string[]> {
  const page = createMetricsPage([kitchenMetrics], library);
  if (source !== undefined) page.read(kitchenMetrics, source);
  const { contentType, body } = await page.render();
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(body.endsWith('\n')).toBe(true);
  return body.trimEnd().split('\n\n');
}

describe('the page of metrics', () => {
  it('has 0, or no samples, before a collector has something to read', async () => {
    expect(await blocksOf()).toEqual([
      '# HELP kitchen_pots Pots on the stove.\n# TYPE kitchen_pots gauge\nkitchen_pots 0',
      '# HELP kitchen_pans Former name of kitchen_pots, gone in the next release.\n# TYPE kitchen_pans gauge\nkitchen_pans 0',
      '# HELP kitchen_meals_total Meals by course.\n# TYPE kitchen_meals_total counter',
      '# HELP kitchen_meal_duration_seconds Time of a meal.\n# TYPE kitchen_meal_duration_seconds histogram',
      '# HELP library_books Books.',
    ]);
  });

  it('has the samples of this moment, under the former name of a metric too', async () => {
    const [pots = '', pans = '', meals = ''] = await blocksOf({ pots: 3, meals: { mainCourse: 5, 'side-dish': 0.5 } });
    expect(pots.split('\n').slice(2)).toEqual(['kitchen_pots 3']);
    expect(pans.split('\n').slice(2)).toEqual(['kitchen_pans 3']);
    // A name is left as it is; the words of a record's keys are written as label values are.
    expect(meals.split('\n').slice(2)).toEqual([
      'kitchen_meals_total{room="big-Room",course="main_course"} 5',
      'kitchen_meals_total{room="big-Room",course="side_dish"} 0.5',
    ]);
  });

  it('has histograms with cumulative buckets, and escapes the values of labels', async () => {
    observeSeconds(time, 0.5);
    observeSeconds(time, 0.75, 2);
    observeSeconds(time, 9);
    const blocks = await blocksOf({ pots: 0, meals: {} });
    const room = 'room="a \\"b\\"\\\\\\n"';
    expect(blocks[3]?.split('\n').slice(2)).toEqual([
      `kitchen_meal_duration_seconds_bucket{${room},le="0.5"} 1`,
      `kitchen_meal_duration_seconds_bucket{${room},le="1"} 3`,
      `kitchen_meal_duration_seconds_bucket{${room},le="+Inf"} 4`,
      `kitchen_meal_duration_seconds_sum{${room}} 11`,
      `kitchen_meal_duration_seconds_count{${room}} 4`,
    ]);
  });

  it('is listed in its order, former names and what a library keeps included', () => {
    const described = createMetricsPage([kitchenMetrics], library).list();
    expect(described.map(({ component, name, labels }) => [component, name, labels])).toEqual([
      ['Kitchen', 'kitchen_pots', []],
      ['Kitchen', 'kitchen_pans', []],
      ['Kitchen', 'kitchen_meals_total', ['room', 'course']],
      ['Kitchen', 'kitchen_meal_duration_seconds', ['room']],
      ['Library', 'library_books', []],
    ]);
  });
});
