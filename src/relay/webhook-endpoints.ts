import { errorText } from '../wire';
import { type Endpoint, endpoint, refused } from './endpoint';
import type { HookEvent } from './hook-format';
import type { Hooks } from './hooks';
import * as schemas from './schemas';

const standardTimeoutSeconds = 10;
const standardRetryAttempts = 3;
const ofOrchestrator: readonly HookEvent[] = ['stream_started', 'stream_stopped'];

/** Receivers of events that are added over the API. */
export function webhookEndpoints(hooks: Hooks): readonly Endpoint[] {
  const notFound = (url: string) => refused('NoSuchWebhook', 'Webhook not found', { given: url });
  return [
    endpoint({
      method: 'post',
      path: '/webhooks',
      operationId: 'addWebhook',
      summary: 'Add a receiver of events, in place of one of the same url',
      body: schemas.webhookBody,
      answer: schemas.WebhookAdded,
      problems: ['TooManyWebhooks', 'NotKept'],
      async handle({ body }) {
        const { url, events } = body;
        const shape = body.shape ?? 'm3u-proxy';
        if (shape === 'orchestrator' && events.some((event) => !ofOrchestrator.includes(event))) {
          return refused('Unprocessable', 'An orchestrator takes starts and ends only.', {
            allowed: ofOrchestrator.join(', '),
          });
        }
        const result = await hooks.add({
          url,
          shape,
          events: schemas.hookEvents.filter((event) => events.includes(event)),
          headers: schemas.storedHeaders(body.headers),
          timeoutMs: (body.timeout ?? standardTimeoutSeconds) * 1000,
          retryAttempts: body.retry_attempts ?? standardRetryAttempts,
          secret: body.secret ?? undefined,
        });
        if (!result.ok) return refused(result.problem === 'full' ? 'TooManyWebhooks' : 'NotKept', result.detail);
        return { body: { message: 'Webhook added successfully', webhook_url: url, events } };
      },
    }),
    endpoint({
      method: 'get',
      path: '/webhooks',
      operationId: 'webhooks',
      summary: 'The receivers of events that were added here',
      answer: schemas.WebhookList,
      handle: () => ({
        body: {
          webhooks: hooks.list().map(({ url, shape, events, timeoutMs, retryAttempts }) => ({
            url,
            shape,
            events,
            timeout: timeoutMs / 1000,
            retry_attempts: retryAttempts,
          })),
        },
      }),
    }),
    endpoint({
      method: 'delete',
      path: '/webhooks',
      operationId: 'removeWebhook',
      summary: 'Remove a receiver of events',
      query: schemas.webhookQuery,
      answer: schemas.Message,
      problems: ['NoSuchWebhook', 'NotKept'],
      async handle({ query: { webhook_url: url } }) {
        try {
          if (!(await hooks.remove(url))) return notFound(url);
        } catch (error) {
          return refused('NotKept', `the store fails: ${errorText(error)}`);
        }
        return { body: { message: `Webhook ${url} removed successfully` } };
      },
    }),
    endpoint({
      method: 'post',
      path: '/webhooks/test',
      operationId: 'testWebhook',
      summary: 'Deliver an event that never happened, once',
      query: schemas.webhookQuery,
      answer: schemas.WebhookTested,
      problems: ['NoSuchWebhook', 'NotDelivered'],
      async handle({ query: { webhook_url: url } }) {
        const result = await hooks.test(url);
        if (result === undefined) return notFound(url);
        if (!result.ok) return refused('NotDelivered', `The test event did not arrive: ${result.detail}`);
        return { body: { message: `Test event sent to ${url}`, event_id: result.eventId } };
      },
    }),
  ];
}
