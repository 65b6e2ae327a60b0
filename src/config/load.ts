import { existsSync } from 'node:fs';
import { checkSource } from './check-source';
import { crossChecks } from './cross-checks';
import { fileSource } from './file-source';
import { mergeSources, treeOf } from './merge-sources';
import type { Origin } from './origin';
import { readSecretFiles } from './read-secret-files';
import { type Settings, settingsSchema } from './schema';
import type { Source } from './source';
import { environmentSource, type FlagSetting, flagSource } from './text-source';
import { valueAt } from './tree';

/** Where the configuration is looked for when no file is named; the first that exists is read. */
export const standardFiles: readonly string[] = ['mtxpilot.yaml', '/etc/mtxpilot/mtxpilot.yaml'];

export interface LoadOptions {
  /** Must exist when given. Else `MTXPILOT_CONFIG`, which must exist too, else the first of `standardFiles`, if there is one. */
  readonly file?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly flags: readonly FlagSetting[];
  /** For tests. Default: `standardFiles`. */
  readonly standardFiles?: readonly string[];
}

export interface Loaded {
  readonly settings: Settings;
  readonly warnings: readonly string[];
  /** Where each value that is not a default was given, by key: `lookup.ttl`, `mediamtx.servers.mtx2.api`. */
  readonly origins: Readonly<Record<string, Origin>>;
  /** The file that was read, if any. */
  readonly file: string | undefined;
}

export interface NotLoaded {
  /** Every mistake that was found, one line each: file, line, key, what was given, what is allowed. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * The effective configuration: defaults < file < environment (`MTXPILOT_*`) < flags. Every source is checked as a whole, so a mistake in the file
 * is told even where a flag overrides it.
 */
export function loadSettings(options: LoadOptions): Loaded | NotLoaded {
  const file = fileToRead(options);
  const reads = [
    ...(file === undefined ? [] : [fileSource(file)]),
    environmentSource(options.env),
    flagSource(options.flags),
  ];
  const sources = reads.map(({ source }) => source).filter((source): source is Source => source !== undefined);
  const warnings = reads.flatMap((read) => read.warnings);
  const errors = reads.flatMap((read) => [
    ...read.errors,
    ...(read.source === undefined ? [] : checkSource(read.source)),
  ]);
  if (errors.length > 0) return { errors, warnings };

  const given = mergeSources(sources);
  const fromFiles = readSecretFiles(given.values());
  if (fromFiles.errors.length > 0) return { errors: fromFiles.errors, warnings };
  const settings = settingsSchema.parse(treeOf([...given.values(), ...fromFiles.secrets]));
  const origins = Object.fromEntries([...given].map(([key, { origin }]) => [key, origin]));
  const found = crossChecks(settings, (key) => origins[key] ?? originInside(origins, key));
  warnings.push(...found.warnings);
  return found.errors.length > 0 ? { errors: found.errors, warnings } : { settings, warnings, origins, file };
}

function fileToRead({ file, env, standardFiles: standard = standardFiles }: LoadOptions): string | undefined {
  if (file !== undefined) return file;
  const named = valueAt(env, ['MTXPILOT_CONFIG']);
  if (typeof named === 'string' && named !== '') return named;
  return standard.find((candidate) => existsSync(candidate));
}

/** The origin of the first value inside a map. */
function originInside(origins: Readonly<Record<string, Origin>>, key: string): Origin | undefined {
  return Object.entries(origins).find(([inner]) => inner.startsWith(`${key}.`))?.[1];
}
