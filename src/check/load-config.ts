import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { ConditionFacts } from './block-condition';
import { type LoadedConfig, type LoadedSpoe, spoeKey } from './config-context';
import { type ConfigText, globalLine, type ParsedConfig, parseConfig, valueAfter } from './parse-config';
import { parseSpoeConfig } from './parse-spoe-config';

/** Far above any configuration; what is larger is no configuration. */
const largestFileBytes = 16 * 1024 * 1024;

/** A configuration that cannot be read, and why, in words. */
export interface Unreadable {
  readonly problem: string;
}

/**
 * Reads a configuration as `haproxy -f FILE` does, with the SPOE configurations that it names. `file` may be a folder, of which all `*.cfg` are read
 * in the order of their names, or several files parted by `;` as HAProxy itself lists them.
 */
export function loadConfig(file: string, facts: ConditionFacts, folder = process.cwd()): LoadedConfig | Unreadable {
  const files = file.split(';').filter((part) => part !== '');
  const texts: ConfigText[] = [];
  for (const one of files) {
    const read = readTexts(isAbsolute(one) ? one : resolve(folder, one), one);
    if ('problem' in read) return read;
    texts.push(...read);
  }
  const config = parseConfig(texts, facts);
  const home = baseFolder(config, folder, resolve(folder, texts[0]?.file ?? ''));
  const locate = (name: string): string => (isAbsolute(name) ? name : join(home, name));
  const spoe = new Map(
    config.sections.flatMap(({ lines }) =>
      lines.flatMap(({ words }): [string, LoadedSpoe][] => {
        if (words[0] !== 'filter' || words[1] !== 'spoe') return [];
        const named = valueAfter(words, 'config');
        const engine = valueAfter(words, 'engine') ?? '';
        return named === undefined
          ? []
          : [[spoeKey(words), loadSpoe(locate(named), shownBeside(texts, named), engine, config)]];
      }),
    ),
  );
  return { config, texts, spoe, resolve: locate, exists: (name) => existsSync(locate(name)), hostName: hostname() };
}

function readTexts(path: string, shown: string): ConfigText[] | Unreadable {
  try {
    if (!statSync(path).isDirectory()) return [{ file: shown, text: readBounded(path) }];
    const names = readdirSync(path).filter((name) => name.endsWith('.cfg') && !name.startsWith('.'));
    return names.sort().map((name) => ({ file: join(shown, name), text: readBounded(join(path, name)) }));
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}

function readBounded(path: string): string {
  const { size } = statSync(path);
  if (size > largestFileBytes) throw new Error(`it has ${size} bytes, at most ${largestFileBytes} are read`);
  return readFileSync(path, 'utf8');
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file';
  return code === 'EACCES' ? 'no permission to read it' : message;
}

/** Where relative names start: `default-path` of global (configuration manual, 3.1), else where HAProxy was started. */
function baseFolder(config: ParsedConfig, folder: string, file: string): string {
  const [, kind, origin = ''] = globalLine(config, 'default-path')?.words ?? [];
  if (kind === 'config') return dirname(file);
  if (kind === 'parent') return dirname(dirname(file));
  return kind === 'origin' ? resolve(folder, origin) : folder;
}

/** A name for people: beside the main file, as they know it. */
function shownBeside(texts: readonly ConfigText[], named: string): string {
  return isAbsolute(named) ? named : join(dirname(texts[0]?.file ?? ''), named);
}

function loadSpoe(path: string, shown: string, engine: string, config: ParsedConfig): LoadedSpoe {
  try {
    const text = readBounded(path);
    return {
      file: shown,
      sections: parseSpoeConfig({ file: shown, text }, engine, config.environment),
      problem: undefined,
    };
  } catch (error) {
    return { file: shown, sections: [], problem: reasonOf(error) };
  }
}
