import { originText, printSettings, renderReference, writtenSettings } from '../config';
import { printable, printableJson, printableLines } from './printable';
import { addSettingOptions, loadFromOptions } from './setting-options';
import { exitCodes, type RegisterCommand } from './terminal';

/** `mtxpilot config`: the effective configuration, or what is wrong with it (exit code 2). */
export const config: RegisterCommand = (program, terminal, exit) => {
  const command = program
    .command('config')
    .description('the effective configuration, with the origin of each value that is not a default')
    .option('--json', 'print JSON', false)
    .option('--reference', 'print the reference of all keys, in Markdown', false);
  addSettingOptions(command, 'all');
  command.action((options: { readonly json: boolean; readonly reference: boolean }) => {
    if (options.reference) {
      terminal.stdout.write(renderReference());
      return;
    }
    const loaded = loadFromOptions({ ...options }, terminal, 'all');
    if (loaded === undefined) {
      exit(exitCodes.usage);
      return;
    }
    const { settings, origins, warnings, file } = loaded;
    if (options.json) {
      const originTexts = Object.fromEntries(Object.entries(origins).map(([key, origin]) => [key, originText(origin)]));
      const whole = { file: file ?? null, settings: writtenSettings(settings), origins: originTexts, warnings };
      terminal.stdout.write(`${printableJson(whole)}\n`);
      return;
    }
    for (const warning of warnings) terminal.stderr.write(`warning: ${printable(warning)}\n`);
    terminal.stdout.write(printableLines(printSettings(settings, origins)));
  });
};
