import { type Command, InvalidArgumentError } from 'commander';
import { countFindings, type Finding, runCheck } from '../check';
import { parsedUrl } from '../wire';
import { printable, printableJson } from './printable';
import { addSettingOptions, loadFromOptions } from './setting-options';
import { stopSignal } from './stop-signal';
import { exitCodes, type RegisterCommand } from './terminal';

interface Options {
  readonly json: boolean;
  readonly url?: string;
  readonly viewers?: string;
}

/** `mtxpilot check [FILE]`: the preflight. Exit code 0 without findings, 1 with warnings, 2 with errors. */
export const check: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('check')
    .argument('[file]', 'haproxy.cfg (default: haproxy.config, or what the running HAProxy names)')
    .description(
      'checks the whole setup: haproxy.cfg, the running HAProxy, the servers, the agent, and the path through all of them',
    )
    .option('--json', 'print JSON', false)
    .option('--url <URL>', 'where the agent listens (or MTXPILOT_URL; default: from http.listen)', parseUrl)
    .option('--viewers <URL>', 'where viewers come in (default: from haproxy.cfg)', parseUrl)
    .addHelpText('after', '\nExit codes of check: 0 no findings, 1 warnings, 2 errors');
  addSettingOptions(command, 'agent');
  command.action(async (file: string | undefined, options: Options) => {
    const loaded = loadFromOptions({ ...options }, terminal, 'agent');
    if (loaded === undefined) {
      exit(exitCodes.usage);
      return;
    }
    for (const warning of loaded.warnings) terminal.stderr.write(`warning: ${printable(warning)}\n`);
    const findings = await runCheck({
      settings: loaded.settings,
      file,
      agentUrl: options.url ?? urlFromEnvironment(command, terminal.env),
      viewersUrl: options.viewers,
      env: terminal.env,
      signal: terminal.stopSignal?.() ?? stopSignal(),
    });
    const { errors, warnings } = countFindings(findings);
    terminal.stdout.write(
      options.json ? `${printableJson({ errors, warnings, findings })}\n` : describe(findings, errors, warnings),
    );
    exit(errors > 0 ? 2 : warnings > 0 ? 1 : 0);
  });
};

const expected = 'Expected an http:// or https:// URL, such as http://127.0.0.1:9101.';

/** A base URL without a slash at its end. */
function parseUrl(text: string): string {
  if (!/^https?:\/\/[^\s?#]+$/.test(text) || parsedUrl(text) === undefined) throw new InvalidArgumentError(expected);
  return text.replace(/\/+$/, '');
}

function urlFromEnvironment(command: Command, env: NodeJS.ProcessEnv): string | undefined {
  const given = env['MTXPILOT_URL'];
  if (given === undefined || given === '') return undefined;
  try {
    return parseUrl(given);
  } catch {
    return command.error(`error: MTXPILOT_URL: "${printable(given)}" is not allowed. ${expected}`);
  }
}

/** What is right in one line each; what is wrong with its reason and what to do. The worst come last, where people look. */
function describe(findings: readonly Finding[], errors: number, warnings: number): string {
  const of = (wanted: Finding['severity']): readonly Finding[] =>
    findings.filter(({ severity }) => severity === wanted);
  const good = of('ok').map(({ id, what }) => `ok       ${id.padEnd(17)} ${printable(what)}\n`);
  const bad = [...of('warning'), ...of('error')].map(({ id, severity, what, why, place, change }) => {
    const at = place === undefined ? '' : `${printable(place.file)}:${place.line}: `;
    const lines = [
      `${severity.padEnd(8)} ${id.padEnd(17)} ${printable(what)}`,
      `${indent}${printable(why ?? '')}`,
      `${indent}-> ${at}${printable(change ?? '')}`,
    ];
    return `\n${lines.join('\n')}\n`;
  });
  const summary = [plural(errors, 'error'), plural(warnings, 'warning'), `${good.length} right`].join(', ');
  return `${good.join('')}${bad.join('')}\n${summary}\n`;
}

const indent = ' '.repeat(9);

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
