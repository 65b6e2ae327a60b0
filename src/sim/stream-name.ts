/**
 * MediaMTX's own rule for path names (`IsValidPathName` in its internal/conf/path.go), with its own words.
 * Undefined when the name is valid.
 */
export function streamNameError(name: string): string | undefined {
  if (name === '') return 'cannot be empty';
  if (name.startsWith('/')) return "can't begin with a slash";
  if (name.endsWith('/')) return "can't end with a slash";
  if (!/^[0-9a-zA-Z_\-/.]+$/.test(name)) {
    return 'can contain only alphanumeric characters, underscore, dot, minus, slash';
  }
  if (name.split('/').some((segment) => segment === '.' || segment === '..')) return "can't contain dot path segments";
  return undefined;
}
