import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';

/** What a command has of the outside world. */
export interface Terminal {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: NodeJS.ProcessEnv;
}

/** The exit codes, which scripts rely on; `mtxpilot --help` lists them. */
export const exitCodes = {
  ok: 0,
  /** A problem was found, or what was asked for was not found. */
  problem: 1,
  usage: 2,
  /** The agent cannot be reached, or what answers is no agent. */
  unreachable: 3,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Adds one command to the program. Its action hands its exit code to `exit`. */
export type RegisterCommand = (program: Command, terminal: Terminal, exit: (code: ExitCode) => void) => void;
