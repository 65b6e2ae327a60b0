import type { ConfigLine, ConfigText, Place } from './parse-config';
import { type Environment, splitLine } from './split-line';

/** A section of an SPOE configuration. */
export interface SpoeSection extends Place {
  readonly kind: 'spoe-agent' | 'spoe-message' | 'spoe-group';
  readonly name: string;
  readonly lines: readonly ConfigLine[];
}

/**
 * The sections of an SPOE configuration (SPOE.txt, 2.2) that one engine reads: those below its `[engine]` line. Without such lines the whole file
 * is for every engine. Never throws.
 */
export function parseSpoeConfig({ file, text }: ConfigText, engine: string, environment: Environment): SpoeSection[] {
  const sections: (SpoeSection & { readonly lines: ConfigLine[] })[] = [];
  let scope: string | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const { words } = splitLine(raw, environment);
    const [first, name = ''] = words;
    if (first === undefined) continue;
    const place: Place = { file, line: index + 1 };
    if (/^\[.*\]$/.test(first)) scope = first.slice(1, -1);
    else if (scope !== undefined && scope !== engine) continue;
    else if (first === 'spoe-agent' || first === 'spoe-message' || first === 'spoe-group')
      sections.push({ ...place, kind: first, name, lines: [] });
    else sections.at(-1)?.lines.push({ ...place, words, text: raw.trim() });
  }
  return sections;
}
