import type { DeadLetter, DeliveryOperations, DeliveryProblem, WebhookView } from '../../../src/events';
import { event } from './fake-events';

/** Two webhooks in memory that note what is asked of them. */
export interface FakeDelivery extends DeliveryOperations {
  /** What was asked for, `replay hook 0123…`. */
  readonly asked: string[];
  letters: DeadLetter[];
  /** What the next requests are refused with. */
  refusal: DeliveryProblem | undefined;
}

export const webhookViews: readonly WebhookView[] = [
  {
    name: 'hook',
    types: ['stream.started', 'stream.ended'],
    streams: 'live/**',
    isSigned: true,
    state: 'failing',
    trouble: 'it answers 503',
    waiting: 12,
    oldestAgeMs: 65_000,
  },
  {
    name: 'other',
    types: [],
    streams: undefined,
    isSigned: false,
    state: 'delivering',
    trouble: undefined,
    waiting: 0,
    oldestAgeMs: 0,
  },
];

export function deadLetter(number: number, webhook = 'hook'): DeadLetter {
  return {
    webhook,
    event: { ...event(number, { stream: 'live/a' }), subject: 'live/a' },
    attempts: 7,
    reason: 'it answers 400',
    time: '2026-11-21T11:00:00.000Z',
  };
}

export function createFakeDelivery(): FakeDelivery {
  const answer = <T>(value: T) =>
    Promise.resolve(
      fake.refusal === undefined
        ? ({ ok: true, value } as const)
        : ({ ok: false, problem: fake.refusal, detail: 'there is hook' } as const),
    );
  const fake: FakeDelivery = {
    asked: [],
    letters: [],
    refusal: undefined,
    webhooks: () => webhookViews,
    replay(webhook, after) {
      fake.asked.push(`replay ${webhook ?? '*'} ${after}`);
      return answer(webhookViews.filter(({ name }) => webhook === undefined || name === webhook));
    },
    deadLetters({ webhook, before, limit }) {
      fake.asked.push(`dead ${webhook ?? '*'} ${before ?? '-'} ${limit}`);
      return answer(fake.letters.slice(0, limit));
    },
    redeliver(webhook) {
      fake.asked.push(`redeliver ${webhook ?? '*'}`);
      return answer({ delivered: 2, failed: 1, trouble: 'it answers 400' });
    },
  };
  return fake;
}
