import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { adminSocketPaths, parsedUrl } from '../wire';
import { printable } from './printable';

/** One place where the agent may answer. */
export interface AgentPlace {
  /** Where its HTTP API is, without a slash at its end. */
  readonly url: string;
  /** The Unix socket over which to go there, if any. */
  readonly socketPath?: string;
}

/** How to reach the agent. */
export interface AgentAccess {
  /** In the order in which to try them: the next one only where nobody can be reached. */
  readonly places: readonly AgentPlace[];
  /** For changes over TCP. */
  readonly token: string | undefined;
}

/** Options of every command that asks the agent. */
export interface AgentOptions {
  readonly agent: AgentAccess;
  readonly json: boolean;
}

interface GivenOptions {
  readonly url?: string;
  readonly socket?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

const defaultUrl = 'http://127.0.0.1:9101';
const expected = `Expected an http:// or https:// URL, such as ${defaultUrl}.`;
const largestTokenBytes = 4096;

/** Adds `--url` and `--socket`, for which variables may stand, and `--json`. The command finds `agent` among its options. */
export function addAgentOptions(command: Command, env: NodeJS.ProcessEnv): void {
  command
    .addOption(
      new Option(
        '--url <URL>',
        `where the agent listens (or MTXPILOT_URL; default: its admin socket, else ${defaultUrl})`,
      ).argParser(parseUrlOption),
    )
    .option('--socket <path>', "the agent's admin socket (or MTXPILOT_HTTP_ADMIN_SOCKET)")
    .option('--json', 'print JSON', false)
    .hook('preAction', () => {
      const fail = (message: string): never => command.error(`error: ${printable(message)}`);
      command.setOptionValue('agent', agentAccess(command.opts<GivenOptions>(), env, fail));
    });
}

/** Adds the options of a command that changes something. */
export function addChangeOptions(command: Command, env: NodeJS.ProcessEnv): void {
  command
    .option('--reason <text>', 'why, for whoever looks later')
    .option('--operator <name>', 'who you are, for the log', operatorName(env))
    .option('--token <token>', 'for changes over TCP; prefer --token-file: other users can read a command line')
    .option('--token-file <file>', 'file that holds the token (or MTXPILOT_HTTP_TOKEN, MTXPILOT_HTTP_TOKEN_FILE)');
  addAgentOptions(command, env);
}

/**
 * What was said on the command line, in the environment, or nowhere: then the admin socket where there is one, and the usual address
 * where nobody answers there.
 */
export function agentAccess(
  options: GivenOptions,
  env: NodeJS.ProcessEnv,
  fail: (message: string) => never,
): AgentAccess {
  return { places: placesOf(options, env, fail), token: tokenOf(options, env, fail) };
}

function placesOf(
  { url, socket }: GivenOptions,
  env: NodeJS.ProcessEnv,
  fail: (message: string) => never,
): readonly AgentPlace[] {
  if (url !== undefined) return [{ url }];
  if (socket !== undefined) return [socketPlace(socket)];
  const { MTXPILOT_URL: urlVariable = '', MTXPILOT_HTTP_ADMIN_SOCKET: socketVariable = '' } = env;
  if (urlVariable !== '') {
    const parsed = parseUrl(urlVariable);
    return [{ url: parsed ?? fail(`MTXPILOT_URL: "${urlVariable}" is not allowed. ${expected}`) }];
  }
  const paths = socketVariable.startsWith('/') ? [socketVariable] : adminSocketPaths(env).filter(isOurSocket);
  return [...(socketVariable === 'off' ? [] : paths.map(socketPlace)), { url: defaultUrl }];
}

/** A socket that root or this user made: somebody else's could tell anything. */
function isOurSocket(path: string): boolean {
  try {
    const stat = statSync(path);
    return stat.isSocket() && (stat.uid === 0 || stat.uid === process.getuid?.());
  } catch {
    // Not there, or not to be seen: no place to ask.
    return false;
  }
}

function socketPlace(socketPath: string): AgentPlace {
  return { url: 'http://localhost', socketPath };
}

function tokenOf(
  { token, tokenFile }: GivenOptions,
  env: NodeJS.ProcessEnv,
  fail: (message: string) => never,
): string | undefined {
  if (token !== undefined) return token;
  if (tokenFile !== undefined) return readToken(tokenFile, fail);
  const { MTXPILOT_HTTP_TOKEN: variable = '', MTXPILOT_HTTP_TOKEN_FILE: file = '' } = env;
  if (variable !== '') return variable;
  return file === '' ? undefined : readToken(file, fail);
}

function readToken(file: string, fail: (message: string) => never): string {
  try {
    if (statSync(file).size > largestTokenBytes) return fail(`${file} holds more than ${largestTokenBytes} bytes`);
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    return fail(`the token cannot be read from ${file} (${code})`);
  }
}

function operatorName({ SUDO_USER: sudoUser = '' }: NodeJS.ProcessEnv): string {
  if (sudoUser !== '') return sudoUser;
  try {
    return userInfo().username;
  } catch {
    // A user id without a name, as containers have them.
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}

function parseUrlOption(text: string): string {
  const url = parseUrl(text);
  if (url === undefined) throw new InvalidArgumentError(expected);
  return url;
}

/** A base URL without a slash at its end; undefined for anything but http and https. */
function parseUrl(text: string): string | undefined {
  return /^https?:\/\/[^\s?#]+$/.test(text) && parsedUrl(text) !== undefined ? text.replace(/\/+$/, '') : undefined;
}
