import { type Command, InvalidArgumentError, Option } from 'commander';
import { type FlagSetting, type Loaded, loadRelaySettings, loadSettings, settingKeys } from '../config';
import { ownValue } from '../wire';
import { printable } from './printable';
import type { Terminal } from './terminal';

type Options = Readonly<Record<string, unknown>>;

/** Whose settings: of a program, or (`mtxpilot config`) of all. */
export type SettingsProgram = 'agent' | 'relay' | 'all';

/** Of the relay, beside its own section. */
const alsoOfRelay = ['log.', 'events.viewers', 'events.keep.', 'events.webhooks'];

function concerns(program: SettingsProgram, key: string): boolean {
  if (program === 'all') return true;
  const isOfRelay = key.startsWith('relay.');
  return program === 'relay' ? isOfRelay || alsoOfRelay.some((start) => key.startsWith(start)) : !isOfRelay;
}

const flagged = settingKeys.flatMap(({ key, flag, meta, standard }) => {
  if (flag === undefined) return [];
  const choices = meta.type === 'choice' ? ` One of ${meta.allowed}.` : '';
  const otherwise = standard === undefined ? '' : ` (default: ${standard})`;
  // Not commander's own default: it would look like a flag that was given.
  const help = `${meta.description.replaceAll('`', '"')}${choices}${otherwise}`;
  return [{ key, flag, option: new Option(`${flag} <${meta.type}>`, help) }];
});

/** Adds `--config`, a flag for each setting of the program, and `--set` for all of them. */
export function addSettingOptions(command: Command, program: SettingsProgram): Command {
  command.option(
    '--config <file>',
    'configuration file (or MTXPILOT_CONFIG; else ./mtxpilot.yaml, /etc/mtxpilot/mtxpilot.yaml)',
  );
  for (const { key, option } of flagged) if (concerns(program, key)) command.addOption(option);
  return command.option(
    '--set <key=value>',
    'any setting, such as mediamtx.servers.mtx2.api=http://10.0.0.12:9997',
    collect,
  );
}

function collect(text: string, before: readonly FlagSetting[] = []): FlagSetting[] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('Expected KEY=VALUE, such as lookup.ttl=5s.');
  return [...before, { flag: '--set', key: text.slice(0, equals), value: text.slice(equals + 1) }];
}

/** The effective configuration of the program; undefined when it has mistakes, which are then printed. */
export function loadFromOptions(options: Options, terminal: Terminal, program: SettingsProgram): Loaded | undefined {
  const flags = flagged.flatMap(({ key, flag, option }): FlagSetting[] => {
    const value = ownValue(options, option.attributeName());
    return typeof value === 'string' ? [{ flag, key, value }] : [];
  });
  const { config, set } = options as { config?: string; set?: FlagSetting[] };
  const load = program === 'relay' ? loadRelaySettings : loadSettings;
  const result = load({ file: config, env: terminal.env, flags: [...flags, ...(set ?? [])] });
  if (!('errors' in result)) return result;
  for (const warning of result.warnings) terminal.stderr.write(`warning: ${printable(warning)}\n`);
  for (const error of result.errors) terminal.stderr.write(`error: ${printable(error)}\n`);
  const count = result.errors.length;
  terminal.stderr.write(`mtxpilot: ${count === 1 ? '1 error' : `${count} errors`} in the configuration\n`);
  return undefined;
}
