import { metaOf } from './keys';
import { schemaAt } from './setting-keys';

/** The path of the secret that the file at a path holds: `http.token` for `http.tokenFile`; undefined for any other key. */
export function secretOfFile(path: readonly string[]): readonly string[] | undefined {
  const name = path.at(-1) ?? '';
  if (!name.endsWith('File')) return undefined;
  const secret = [...path.slice(0, -1), name.slice(0, -'File'.length)];
  const schema = schemaAt(secret);
  return schema !== undefined && metaOf(schema)?.type === 'secret' ? secret : undefined;
}
