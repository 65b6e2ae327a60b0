import { resolve } from 'node:path';
import { startChild } from './child-process';
import { GiveUp, until } from './until';

/** What a probe measured under a name: the longest turn of its event loop, in ms of processor time. */
export interface Measured {
  readonly name: string;
  readonly ms: number;
}

/**
 * Runs `test/support/<file>` in a process of its own (within Jest's sandbox what looks up globals takes many times as long) with `input` as JSON.
 *
 * @param names of what it measures, in its order.
 */
export async function runProbe(file: string, input: unknown, names: readonly string[]): Promise<Measured[]> {
  const script = resolve('test/support', file);
  const probe = startChild(process.execPath, ['--import', require.resolve('tsx'), script, JSON.stringify(input)]);
  let isOver = false;
  void probe.exited.then(() => {
    isOver = true;
  });
  try {
    const measured: Measured[] = [];
    for (const [i, name] of names.entries()) {
      const line = await until(name, () => {
        const line = probe.lines[i];
        if (line === undefined && isOver) throw new GiveUp(probe.lines.join('\n'));
        return line;
      });
      measured.push(JSON.parse(line) as Measured);
    }
    expect(measured.map(({ name }) => name)).toEqual(names);
    expect(await probe.exited).toBe(0);
    return measured;
  } finally {
    await probe.stop();
  }
}
