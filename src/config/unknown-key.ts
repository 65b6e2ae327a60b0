import { nearest } from './nearest';
import { quoteText } from './quote-given';
import { keysIn, pathText, settingKeys } from './setting-keys';
import type { Path } from './tree';

/**
 * What to say about a key that does not exist: the nearest one of its section, else a key of that name (or nearly) in another section, else
 * all keys of the section.
 */
export function unknownKey(section: Path, name: string): string {
  const siblings = keysIn(section);
  const given = /^[\w.:-]{1,60}$/.test(name) ? pathText([...section, name]) : quoteText(name);
  const sibling = nearest(name, siblings);
  if (sibling !== undefined) return `${given}: unknown key, did you mean ${pathText([...section, sibling])}?`;
  const elsewhere = keyLike(name);
  if (elsewhere !== undefined) return `${given}: unknown key, did you mean ${elsewhere}?`;
  const where = section.length === 0 ? 'at the top' : `in ${pathText(section)}`;
  return `${given}: unknown key, ${where} there are ${siblings.join(', ')}`;
}

/** The key that a word outside its section was probably meant to be: `deadline` → `lookup.deadline`. */
function keyLike(name: string): string | undefined {
  const lastNames = settingKeys.map(({ path }) => path.at(-1) ?? '');
  const last = nearest(name, lastNames);
  const found = settingKeys.filter(({ path }) => path.at(-1) === last);
  // `listen` could be several: proposing one of them would mislead.
  return found.length === 1
    ? found[0]?.key
    : nearest(
        name,
        settingKeys.map(({ key }) => key),
      );
}
