/** How a Control API call ended; `not_found` is an answer, all others but `ok` are failures. */
export const apiOutcomes = [
  'ok',
  'not_found',
  'timeout',
  'unreachable',
  'unauthorized',
  'bad_status',
  'bad_body',
] as const;
export type ApiOutcome = (typeof apiOutcomes)[number];
export type ApiFailure = Exclude<ApiOutcome, 'ok' | 'not_found'>;

/** A call's result as a value; `detail` names the server and what was wrong, without secrets or raw answers. */
export type ApiResult<T> =
  | { readonly ok: true; readonly value: T; readonly tookMs: number }
  | { readonly ok: false; readonly failure: ApiFailure; readonly detail: string; readonly tookMs: number };
