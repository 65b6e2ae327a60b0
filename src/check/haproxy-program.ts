import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { type Finding, right, wrong } from './finding';
import type { Place } from './parse-config';

/** The haproxy executable, and what it is asked about. */
export interface ProgramOptions {
  /** A path, or a name to be found in PATH. */
  readonly bin: string;
  /** As `-f` takes them. */
  readonly files: readonly string[];
  readonly environment: ReadonlyMap<string, string>;
  /** Where it is started: relative names start there. */
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
}

interface Output {
  readonly exitCode: number;
  readonly text: string;
}

/** It resolves names, reads certificates and runs Lua files; longer than this and something hangs. */
const timeoutMs = 60_000;
const largestOutputBytes = 4 * 1024 * 1024;

/** Runs it to its end; a string tells why that was not possible. */
function run(
  options: Omit<ProgramOptions, 'files'>,
  args: readonly string[],
  limitMs = timeoutMs,
): Promise<Output | string> {
  const { bin, environment, folder, signal } = options;
  return new Promise((done) => {
    execFile(
      bin,
      args,
      {
        cwd: folder,
        env: Object.fromEntries(environment),
        timeout: limitMs,
        killSignal: 'SIGKILL',
        maxBuffer: largestOutputBytes,
        signal,
      },
      (error, stdout, stderr) => {
        const text = stdout + stderr;
        if (error === null) done({ exitCode: 0, text });
        else if (typeof error.code === 'number') done({ exitCode: error.code, text });
        else if (error.code === 'ENOENT') done(`there is no program ${bin}`);
        else if (error.code === 'EACCES') done(`${bin} may not be executed`);
        else done(error.killed === true ? `${bin} did not end within ${limitMs / 1000} s` : error.message);
      },
    );
  });
}

/** The version of the executable, such as `3.0.11-1+deb13u3`; undefined where it cannot be told. */
export async function haproxyProgramVersion(options: Omit<ProgramOptions, 'files'>): Promise<string | undefined> {
  const output = await run(options, ['-v']);
  return typeof output === 'string' ? undefined : /version (\d[^ ]*)/.exec(output.text)?.[1];
}

/** Does HAProxy itself take the configuration (`haproxy -c`)? Its alerts and warnings become findings with their line. */
export async function checkWithProgram(options: ProgramOptions): Promise<Finding[]> {
  const { bin, files } = options;
  const output = await run(options, files.flatMap((file) => ['-f', file]).concat('-c'));
  if (typeof output === 'string') {
    const what = `The configuration was not checked by HAProxy: ${output}.`;
    return [wrong('warning', 'config.program', what, undefined, 'name the program in haproxy.bin of mtxpilot.yaml')];
  }
  const messages = readMessages(output.text, files);
  const alerts = messages.filter(({ level }) => level === 'ALERT');
  const warnings = messages.filter(({ level }) => level === 'WARNING');
  // Some alerts only sum up what others said.
  const placed = alerts.filter(({ place }) => place !== undefined);
  const findings = (output.exitCode === 0 ? [] : placed.length > 0 ? placed : alerts).map(({ text, place }) =>
    wrong('error', 'config.valid', `HAProxy refuses the configuration: ${text}`, place, 'correct what HAProxy names'),
  );
  if (output.exitCode !== 0 && findings.length === 0) {
    const last = output.text.trim().split('\n').at(-1) ?? '';
    const what = `${bin} -c ends with ${output.exitCode}: ${last}`;
    findings.push(wrong('error', 'config.valid', what, undefined, 'correct what HAProxy names'));
  }
  if (findings.length === 0) findings.push(right('config.valid', 'HAProxy accepts the configuration.'));
  const warned = warnings.map(({ text, place }) =>
    wrong('warning', 'config.warnings', `HAProxy warns: ${text}`, place, 'correct what HAProxy names'),
  );
  return [...findings, ...warned];
}

/** The longest condition that is asked; those of a configuration are shorter. */
const longestConditionBytes = 1024;
const conditionTimeoutMs = 5_000;

/** Whether a condition of `.if` holds for this program (`haproxy -cc`, from 2.5 on); undefined where it does not know such conditions, or does not say. */
export async function askCondition(
  options: Omit<ProgramOptions, 'files'>,
  condition: string,
): Promise<boolean | undefined> {
  if (condition.length > longestConditionBytes) return undefined;
  const output = await run(options, ['-cc', condition], conditionTimeoutMs);
  // 2: it cannot make sense of the condition; older programs print their usage, and end with 1.
  if (typeof output === 'string' || output.text !== '') return undefined;
  return output.exitCode === 0 ? true : output.exitCode === 1 ? false : undefined;
}

interface Message {
  readonly level: string;
  readonly text: string;
  readonly place: Place | undefined;
}

const mostMessages = 50;

/** Lines such as `[ALERT]    (4711) : config : parsing [haproxy.cfg:12] : unknown keyword …`. */
function readMessages(output: string, files: readonly string[]): Message[] {
  const messages = [...output.matchAll(/^\[(ALERT|WARNING)\]\s*\([^)]*\)\s*:\s*(?:config\s*:\s*)?(.*)$/gm)];
  return messages.slice(0, mostMessages).map(([, level = '', whole = '']) => {
    const [, file, line, rest] = /^parsing \[([^\]]*):(\d+)\]\s*:?\s*(.*)$/.exec(whole) ?? [];
    if (file === undefined) return { level, text: whole, place: undefined };
    // HAProxy may name the file by its full path.
    const shown = files.find((one) => one === file || basename(one) === basename(file)) ?? file;
    return { level, text: rest ?? whole, place: { file: shown, line: Number(line) } };
  });
}
