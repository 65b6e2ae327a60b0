import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';

/** What a command has of the outside world. */
export interface Terminal {
  readonly stdin: Readable;
  /** Of a terminal also: that it is one, and its size. */
  readonly stdout: Writable & Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'rows'>>;
  readonly stderr: Writable;
  readonly env: NodeJS.ProcessEnv;
  /** How a command that goes on learns that it should end; by default from SIGINT and SIGTERM. */
  readonly stopSignal?: () => AbortSignal;
}

/** The exit codes, which scripts rely on; `mtxpilot --help` lists them. */
export const exitCodes = {
  ok: 0,
  /** A problem was found, what was asked for was not found, or a change was refused. */
  problem: 1,
  usage: 2,
  /** The agent cannot be reached, or what answers is no agent. */
  unreachable: 3,
  /** `--wait` ended before what it waited for. */
  notYet: 4,
  /** Ctrl-C while waiting: what a shell gives to a program that SIGINT ended. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Adds one command to the program. Its action hands its exit code to `exit`. */
export type RegisterCommand = (program: Command, terminal: Terminal, exit: (code: ExitCode) => void) => void;
