import { refusalOf } from '../../../src/relay/no-source';
import type { SourceFailure, Trigger } from '../../../src/relay/provider';

const failed = (trigger: Trigger, status?: number, retryAfterMs?: number): SourceFailure => ({
  trigger,
  status,
  retryAfterMs,
  reason: `It was ${trigger}.`,
});

test.each<readonly [string, readonly SourceFailure[], string, number | undefined]>([
  ['no source', [], 'SourceFailed', undefined],
  ['a missing one', [failed('status', 404)], 'SourceNotFound', undefined],
  ['missing ones', [failed('status', 404), failed('status', 410)], 'SourceNotFound', undefined],
  ['one missing, one refused', [failed('status', 404), failed('connect')], 'SourceFailed', undefined],
  ['one that is no stream', [failed('type', 200)], 'SourceFailed', undefined],
  ['one that is forbidden', [failed('forbidden')], 'SourceFailed', undefined],
  ['too many redirects', [failed('redirect', 302)], 'SourceFailed', undefined],
  ['no headers', [failed('headers'), failed('status', 404)], 'SourceSilent', undefined],
  ['no bytes', [failed('stall')], 'SourceSilent', undefined],
  ['a silent gateway', [failed('status', 504)], 'SourceSilent', undefined],
  ['a full account', [failed('account'), failed('headers')], 'SourceBusy', 5],
  ['a full provider', [failed('limit', 429, 7_000)], 'SourceBusy', 7],
  ['a full provider that asks for a part of a second', [failed('limit', 429, 1)], 'SourceBusy', 1],
  ['a full provider that asks for nothing', [failed('limit', 429, 0)], 'SourceBusy', 1],
  ['a full provider that asks for a year', [failed('limit', 429, 31_536_000_000)], 'SourceBusy', 3_600],
  ['two that are busy', [failed('status', 503, 60_000), failed('limit', 509, 20_000)], 'SourceBusy', 20],
])('%s', (_, failures, problem, retryAfterSeconds) => {
  expect(refusalOf(failures)).toMatchObject({ problem, retryAfterSeconds });
});

test('says why, source by source, up to a number of them', () => {
  expect(refusalOf([failed('connect'), failed('stall')]).detail).toBe(
    'Source 1: It was connect. Source 2: It was stall.',
  );
  expect(refusalOf(Array.from({ length: 100 }, () => failed('connect'))).detail).toMatch(
    /Source 8: It was connect\. 92 more failed too\.$/,
  );
  expect(refusalOf([]).detail).toBe('The stream has no source.');
});
