import { isRecord } from './is-record';

/** What went wrong, for a log or an answer: the message of an Error; its code where it has none (a connection that failed at several addresses); else the value itself. */
export function errorText(error: unknown): string {
  const message = isRecord(error) && typeof error['message'] === 'string' ? error['message'] : '';
  return message === '' ? (errorCode(error) ?? String(error)) : message;
}

/** Node's word for what went wrong, e.g. `ECONNREFUSED`. */
export function errorCode(error: unknown): string | undefined {
  return isRecord(error) && typeof error['code'] === 'string' ? error['code'] : undefined;
}
