import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { ownValue } from '../wire';
import { checkSource } from './check-source';
import { fileError, fileSource } from './file-source';
import type { Registry } from './registry';
import { type GivenValue, mergeSources, type Origin, originText, type ReadSource, type Source, treeOf } from './source';
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
  /** Reads variables that have names of another program; the file is below them, `MTXPILOT_*` above. */
  readonly otherVariables?: ((registry: Registry, env: NodeJS.ProcessEnv) => ReadSource) | undefined;
}

export interface Loaded<T> {
  readonly settings: T;
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
 * What no key shows alone: values that contradict each other (errors) or that are hardly meant (warnings).
 * `originOf` gives where a key was given; undefined for its default.
 */
export type CrossChecks<T> = (
  settings: T,
  originOf: (key: string) => Origin | undefined,
) => { errors: string[]; warnings: string[] };

/**
 * The effective configuration: defaults < file < environment (`MTXPILOT_*`) < flags. Every source is checked as a whole, so a mistake in the file
 * is told even where a flag overrides it.
 */
export function loadSettings<S extends z.ZodObject>(
  registry: Registry<S>,
  crossChecks: CrossChecks<z.output<S>>,
  options: LoadOptions,
): Loaded<z.output<S>> | NotLoaded {
  const file = fileToRead(options);
  const reads = [
    ...(file === undefined ? [] : [fileSource(registry, file)]),
    ...(options.otherVariables === undefined ? [] : [options.otherVariables(registry, options.env)]),
    environmentSource(registry, options.env),
    flagSource(registry, options.flags),
  ];
  const sources = reads.map(({ source }) => source).filter((source): source is Source => source !== undefined);
  const warnings = reads.flatMap((read) => read.warnings);
  const errors = reads.flatMap((read) => [
    ...read.errors,
    ...(read.source === undefined ? [] : checkSource(registry, read.source)),
  ]);
  if (errors.length > 0) return { errors, warnings };

  const given = mergeSources(registry, sources);
  const fromFiles = readSecretFiles(registry, given.values());
  if (fromFiles.errors.length > 0) return { errors: fromFiles.errors, warnings };
  const settings = registry.schema.parse(treeOf([...given.values(), ...fromFiles.secrets]));
  const origins: Readonly<Record<string, Origin>> = Object.fromEntries(
    [...given].map(([key, { origin }]) => [key, origin]),
  );
  const found = crossChecks(settings, (key) => ownValue(origins, key) ?? originInside(origins, key));
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

const largestSecretBytes = 4096;

/**
 * The secrets that stand in files, as further values; line ends at the end of a file are dropped. A relative path is relative to the
 * configuration file that names it, else to the working directory. What a file holds must be what the secret itself may be.
 */
function readSecretFiles(
  registry: Registry,
  values: Iterable<GivenValue>,
): { secrets: GivenValue[]; errors: string[] } {
  const secrets: GivenValue[] = [];
  const errors: string[] = [];
  for (const { path, value, origin } of values) {
    const secret = registry.secretOfFile(path);
    if (secret === undefined || typeof value !== 'string') continue;
    const file = resolve(origin.source === 'file' ? dirname(origin.file) : '.', value);
    const read = readSecret(file);
    const schema = registry.schemaAt(secret);
    if ('error' in read) errors.push(`${originText(origin)}: ${path.join('.')}: ${file}: ${read.error}`);
    else if (schema?.safeParse(read.text).success === false) {
      const allowed = registry.metaAt(secret)?.allowed ?? '';
      errors.push(`${originText(origin)}: ${path.join('.')}: ${file}: its content is not allowed, expected ${allowed}`);
    } else secrets.push({ path: secret, value: read.text, origin });
  }
  return { secrets, errors };
}

function readSecret(file: string): { readonly text: string } | { readonly error: string } {
  try {
    if (statSync(file).size > largestSecretBytes) return { error: `holds more than ${largestSecretBytes} bytes` };
    const text = readFileSync(file, 'utf8').replace(/[\r\n]+$/, '');
    if (text === '') return { error: 'is empty' };
    return text.includes('\n') ? { error: 'holds more than one line' } : { text };
  } catch (error) {
    return { error: fileError(error) };
  }
}
