import { createTimeHistogram, type TimeHistogram } from '../time-histogram';
import { type CommandName, commandNames } from './command-name';

/** What a client counted since it was made. */
export interface RuntimeClientStats {
  /** Commands that had their turn; what was refused here before is not among them. */
  commands: number;
  /** Of these, those without a whole reply. */
  failures: number;
  /** Commands that wait for their turn now. */
  waiting: number;
  readonly byCommand: Record<CommandName, number>;
  /** From connect to the last byte of the reply, failures included. */
  readonly time: TimeHistogram;
}

const bounds = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export function createRuntimeClientStats(): RuntimeClientStats {
  const byCommand = Object.fromEntries(commandNames.map((name) => [name, 0])) as Record<CommandName, number>;
  return { commands: 0, failures: 0, waiting: 0, byCommand, time: createTimeHistogram(bounds) };
}
