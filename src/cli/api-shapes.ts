import * as z from 'zod';

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
  viewers: number,
  fillers: z.array(z.string()).nullish(),
  holders: z.array(
    z.looseObject({
      server: z.string(),
      publisherSince: text,
      sourceType: text,
      pulled: z.boolean().nullish(),
      tracks: z.array(z.string()).nullish(),
      readers: number,
      evidence: z.looseObject({ ageMs: number, stale: z.boolean().nullish() }).nullish(),
    }),
  ),
});

export const streamsShape = z.looseObject({ streams: z.array(streamShape), total: z.number(), next: text });

const moveShape = z.looseObject({ stream: z.string(), server: z.string(), reason: text, operator: text, since: text });

export const movesShape = z.looseObject({ moves: z.array(moveShape) });
export const streamMoveShape = z.looseObject({ stream: z.string(), move: moveShape.nullish() });

const intentShape = z
  .looseObject({ kind: z.string(), reason: text, operator: text, since: text, deadline: text })
  .nullish();

/** What control knows of a server. */
export const controlledShape = z.looseObject({
  name: z.string(),
  intent: intentShape,
  wanted: z.string(),
  because: text,
  nodes: z
    .array(
      z.looseObject({ node: z.string(), operational: text, administrative: text, weight: number, viewers: number }),
    )
    .nullish(),
  viewersLeft: number,
  onlyHere: z.array(z.string()).nullish(),
  onlyHereCount: number,
  safeToStop: z.boolean(),
  notSafeBecause: text,
});
export type Controlled = z.infer<typeof controlledShape>;

export const serversShape = z.looseObject({
  emptySlots: z.array(z.looseObject({ name: z.string(), hostName: text, intent: intentShape })).nullish(),
  servers: z.array(
    z.looseObject({
      name: z.string(),
      address: text,
      port: number,
      operational: z.string(),
      administrative: z.string(),
      backup: z.boolean().nullish(),
      api: z.looseObject({
        health: z.string(),
        lastError: text,
        inventoryAgeMs: number,
        version: text,
      }),
      streams: number,
      readers: number,
      viewers: number,
      control: controlledShape.nullish(),
    }),
  ),
});

const countShape = z.looseObject({ name: text, viewers: z.number(), peak: number, peakAt: text });

export const viewersShape = z.looseObject({
  total: countShape,
  streams: z.array(countShape),
  servers: z.array(countShape),
  nodes: z.array(countShape.extend({ up: z.boolean().nullish() })),
  readers: z.record(z.string(), z.number()).nullish(),
  viewers: z.array(
    z.looseObject({
      stream: z.string(),
      session: z.string(),
      server: text,
      node: text,
      lastSeen: text,
      watchedSeconds: number,
      bytes: number,
      certain: z.boolean().nullish(),
    }),
  ),
  next: text,
});

const eventShape = z.looseObject({
  id: z.string(),
  time: z.string(),
  type: z.string(),
  subject: text,
  data: z.record(z.string(), z.unknown()),
});
export type ShownEvent = z.infer<typeof eventShape>;
export const eventsShape = z.looseObject({ events: z.array(eventShape), next: text });

export const webhooksShape = z.looseObject({
  webhooks: z.array(
    z.looseObject({
      name: z.string(),
      state: z.string(),
      types: z.array(z.string()).nullish(),
      streams: text,
      trouble: text,
      waiting: number,
      oldestAgeMs: number,
    }),
  ),
});
export const deadLettersShape = z.looseObject({
  deadLetters: z.array(
    z.looseObject({ webhook: z.string(), event: eventShape, attempts: number, reason: text, time: text }),
  ),
  next: text,
});
export const redeliveryShape = z.looseObject({ delivered: z.number(), failed: z.number(), trouble: text });
/** One event as it comes in a stream. */
export const streamedEventShape = eventShape;

export const explanationShape = z.looseObject({
  stream: z.string(),
  state: z.string(),
  server: text,
  rule: text,
  because: z.string(),
  evidence: z.array(
    z.looseObject({
      server: z.string(),
      says: z.string(),
      source: text,
      ageMs: number,
      stale: z.boolean().nullish(),
      path: text,
    }),
  ),
  move: moveShape.nullish(),
  haproxy: z
    .array(
      z.looseObject({
        node: z.string(),
        lastServer: text,
        route: text,
        sessions: z.record(z.string(), z.number()).nullish(),
        error: text,
      }),
    )
    .nullish(),
  next: z.array(z.string()).nullish(),
});

/** An error of the API (RFC 9457). */
export const problemShape = z.looseObject({ title: z.string(), detail: text, allowed: text });
