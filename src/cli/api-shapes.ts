import { z } from 'zod';

/*
 * What the commands need of the HTTP API's answers. An agent of another version may say more (it is passed through to --json) and may not know
 * everything (null or absent).
 */

const text = z.string().nullish();
const number = z.number().nullish();

export const routeShape = z.looseObject({ stream: z.string(), state: z.string(), server: text });

const streamShape = z.looseObject({
  name: z.string(),
  conflict: z.boolean().nullish(),
  holders: z.array(
    z.looseObject({
      server: z.string(),
      publisherSince: text,
      sourceType: text,
      tracks: z.array(z.string()).nullish(),
      readers: number,
      evidence: z.looseObject({ ageMs: number, stale: z.boolean().nullish() }).nullish(),
    }),
  ),
});

export const streamsShape = z.looseObject({ streams: z.array(streamShape), total: z.number(), next: text });

export const serversShape = z.looseObject({
  servers: z.array(
    z.looseObject({
      name: z.string(),
      address: text,
      port: number,
      operational: z.string(),
      administrative: z.string(),
      api: z.looseObject({
        health: z.string(),
        lastError: text,
        inventoryAgeMs: number,
        version: text,
      }),
      streams: number,
      readers: number,
    }),
  ),
});

export const explanationShape = z.looseObject({
  stream: z.string(),
  state: z.string(),
  server: text,
  rule: text,
  because: z.string(),
  evidence: z.array(
    z.looseObject({ server: z.string(), says: z.string(), source: text, ageMs: number, stale: z.boolean().nullish() }),
  ),
});

/** An error of the API (RFC 9457). */
export const problemShape = z.looseObject({ title: z.string(), detail: text, allowed: text });
