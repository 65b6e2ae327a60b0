import type { Steps } from './heavy-work';
import { toJson } from './respond';

/**
 * The same text as `toJson` gives, in steps: one for each item of the lists that are fields of the object. A list may be any iterable, so that
 * its items are made when it is their turn.
 */
export function* jsonSteps(value: object): Steps<string> {
  const fields: string[] = [];
  for (const [key, field] of Object.entries(value) as [string, unknown][]) {
    if (!isIterable(field)) {
      fields.push(`${JSON.stringify(key)}:${toJson(field)}`);
      continue;
    }
    const items: string[] = [];
    for (const item of field) {
      items.push(toJson(item));
      yield;
    }
    fields.push(`${JSON.stringify(key)}:[${items.join(',')}]`);
  }
  return `{${fields.join(',')}}`;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}
