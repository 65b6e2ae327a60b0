/** Longest stream name that is routed; haproxy.cfg refuses longer ones, so that table keys are never cut. */
export const maxStreamNameLength = 200;

/**
 * MediaMTX's own rule for path names (conf.IsValidPathName): letters, digits, `_ - / .`, no slash at either end, no dot segments.
 * `~` was allowed up to v1.11, so it is here. The length bound is ours.
 */
export function isStreamName(name: string): boolean {
  const { length } = name;
  if (length === 0 || length > maxStreamNameLength) return false;
  let segmentStart = 0;
  for (let i = 0; i <= length; i++) {
    const code = i === length ? slash : name.charCodeAt(i);
    if (code === slash) {
      const segmentLength = i - segmentStart;
      if ((i === 0 || i === length) && segmentLength === 0) return false;
      if (segmentLength <= 2 && segmentLength > 0 && onlyDots(name, segmentStart, i)) return false;
      segmentStart = i + 1;
    } else if (!isNameCode(code)) return false;
  }
  return true;
}

/**
 * The names that `isStreamName` takes, but for their length, as a regular expression in the syntax that ECMAScript, Python and Rust share: for schemas,
 * not for checking.
 */
export const streamNamePattern = (() => {
  const component = '(\\.*[A-Za-z0-9_~-][A-Za-z0-9_.~-]*|\\.{3,})';
  return `^${component}(/+${component})*$`;
})();

const slash = 0x2f;
const dot = 0x2e;

function onlyDots(name: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (name.charCodeAt(i) !== dot) return false;
  return true;
}

function isNameCode(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f ||
    code === 0x2d ||
    code === dot ||
    code === 0x7e
  );
}
