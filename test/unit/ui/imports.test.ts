import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

it('takes only types from the API, so that what checks answers stays out of the page', () => {
  const sources = readdirSync('ui').filter((name) => /\.tsx?$/.test(name));
  const fromApi = sources.flatMap((name) => {
    const imports = readFileSync(join('ui', name), 'utf8').matchAll(
      /^(?:import|export)[^;]*? from '\.\.\/src\/api\/[^']*';/gm,
    );
    return Array.from(imports, ([statement]) => statement);
  });
  expect(fromApi.length).toBeGreaterThan(0);
  expect(fromApi.filter((statement) => !/^(import|export) type\b/.test(statement))).toEqual([]);
});
