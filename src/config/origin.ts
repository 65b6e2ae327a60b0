/** Where a value was given. */
export type Origin =
  | { readonly source: 'file'; readonly file: string; readonly line: number }
  | { readonly source: 'environment'; readonly variable: string }
  | { readonly source: 'flag'; readonly flag: string };

/** The place as a person looks it up: `mtxpilot.yaml:3`, `MTXPILOT_LOG_LEVEL`, `--log-level`, or `the default`. */
export function originText(origin: Origin | undefined): string {
  switch (origin?.source) {
    case undefined:
      return 'the default';
    case 'file':
      return `${origin.file}:${origin.line}`;
    case 'environment':
      return origin.variable;
    case 'flag':
      return origin.flag;
  }
}
