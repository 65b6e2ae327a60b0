import type { Said } from '../src/api/schemas';

export type {
  DashboardNow as Now,
  DashboardServer as Server,
  DashboardStream as Stream,
  DashboardStreams as StreamRows,
  Sample,
} from '../src/api/dashboard-answers';
export type EmptySlot = Said['ServerList']['emptySlots'][number];
export type Explanation = Said['Explanation'];
export type Happened = Said['Event'];
export type IntentKind = Said['Server']['administrative'];
export type RelayConfig = Said['RelayConfig'];
export type RelayConfigList = Said['RelayConfigList'];
export type RelayRow = RelayStreamList['streams'][number];
export type RelaySetting = RelayConfig['settings'][number];
export type RelayStream = Said['RelayStream'];
export type RelayStreamList = Said['RelayStreamList'];
export type RelayWhy = NonNullable<RelayStream['relays'][number]['why']>;
export type Viewer = Said['Viewer'];
export type ViewerList = Said['ViewerList'];

/** A request that was answered with a problem (RFC 9457), or not at all. */
export class AskError extends Error {
  constructor(
    /** 0 when there was no answer. */
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** A stream's name as a part of a path: its slashes are encoded, so that a last word is never taken for a question. */
export function inPath(name: string): string {
  return encodeURIComponent(name);
}

interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  readonly method?: 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly token?: string | undefined;
}

/**
 * Asks the agent. The token travels in a header, never in a URL.
 * @throws AskError in words that can be shown; AbortError when `signal` says so.
 */
export async function ask<T>(path: string, { signal, method, body, token }: AskOptions = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  let response: Response;
  try {
    response = await fetch(path, {
      method: method ?? 'GET',
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new AskError(0, 'The agent does not answer.');
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer as T;
  const detail = (answer as { detail?: unknown } | undefined)?.detail;
  throw new AskError(response.status, typeof detail === 'string' ? detail : `The agent answered ${response.status}.`);
}
