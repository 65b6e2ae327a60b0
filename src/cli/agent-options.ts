import { type Command, InvalidArgumentError, Option } from 'commander';

/** Options of every command that asks the agent. */
export interface AgentOptions {
  /** Where the agent's HTTP API is, without a slash at its end. */
  readonly url: string;
  readonly json: boolean;
}

/** Adds `--url` and `--json`. */
export function addAgentOptions(command: Command, env: NodeJS.ProcessEnv): Command {
  const url = new Option('--url <URL>', 'where the agent listens (or MTXPILOT_URL)').argParser(parseUrl);
  const given = env['MTXPILOT_URL'];
  url.default(given === undefined || given === '' ? 'http://127.0.0.1:9101' : given);
  return command.addOption(url).option('--json', 'print JSON', false);
}

/** A base URL without a slash at its end. @throws InvalidArgumentError for anything but http and https. */
export function parseUrl(text: string): string {
  if (!/^https?:\/\/[^\s?#]+$/.test(text) || !URL.canParse(text)) {
    throw new InvalidArgumentError('Expected an http:// or https:// URL, such as http://127.0.0.1:9101.');
  }
  return text.replace(/\/+$/, '');
}
