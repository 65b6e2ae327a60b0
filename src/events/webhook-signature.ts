import { createHmac } from 'node:crypto';

/**
 * Signs one attempt by the rules of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`.
 * @param secret `whsec_` and base 64, as `isWebhookSecret` allows it.
 * @param timestampSeconds Unix time of this attempt; receivers refuse what is too old.
 */
export function signWebhook(
  secret: string,
  { id, timestampSeconds, body }: { readonly id: string; readonly timestampSeconds: number; readonly body: string },
): Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> {
  const key = Buffer.from(secret.slice(prefix.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(timestampSeconds), 'webhook-signature': `v1,${signature}` };
}

const prefix = 'whsec_';
