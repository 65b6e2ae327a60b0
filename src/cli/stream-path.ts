import { exitCodes } from './terminal';

/**
 * The path of a stream in the HTTP API, or what to say of a name that would turn it into another path before it is sent.
 */
export function streamPath(
  stream: string,
):
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly exitCode: 1; readonly message: string } {
  if (stream === '' || stream === '.' || stream === '..') {
    return { ok: false, exitCode: exitCodes.problem, message: `"${stream}" cannot be the name of a stream` };
  }
  return { ok: true, path: `/v1/streams/${encodeURIComponent(stream)}` };
}
