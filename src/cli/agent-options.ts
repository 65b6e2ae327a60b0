import { type Command, InvalidArgumentError, Option } from 'commander';
import { printable } from './printable';

/** Options of every command that asks the agent. */
export interface AgentOptions {
  /** Where the agent's HTTP API is, without a slash at its end. */
  readonly url: string;
  readonly json: boolean;
}

const expected = 'Expected an http:// or https:// URL, such as http://127.0.0.1:9101.';

/** Adds `--url`, for which `MTXPILOT_URL` may stand, and `--json`. */
export function addAgentOptions(command: Command, env: NodeJS.ProcessEnv): void {
  command
    .addOption(
      new Option('--url <URL>', 'where the agent listens (or MTXPILOT_URL)')
        .argParser(parseUrlOption)
        .default('http://127.0.0.1:9101'),
    )
    .option('--json', 'print JSON', false)
    .hook('preAction', () => {
      const given = env['MTXPILOT_URL'];
      if (given === undefined || given === '' || command.getOptionValueSource('url') !== 'default') return;
      const url = parseUrl(given);
      if (url === undefined) command.error(`error: MTXPILOT_URL: "${printable(given)}" is not allowed. ${expected}`);
      command.setOptionValue('url', url);
    });
}

function parseUrlOption(text: string): string {
  const url = parseUrl(text);
  if (url === undefined) throw new InvalidArgumentError(expected);
  return url;
}

/** A base URL without a slash at its end; undefined for anything but http and https. */
function parseUrl(text: string): string | undefined {
  return /^https?:\/\/[^\s?#]+$/.test(text) && URL.canParse(text) ? text.replace(/\/+$/, '') : undefined;
}
