import * as z from 'zod/mini';
import { described, record, text } from './kinds';

export const Problem = record(
  { title: text },
  {
    type: text.check(z.meta({ format: 'uri-reference', description: 'Points to the response in this document.' })),
    status: z.int(),
    detail: text,
    given: described(z.optional(text), 'What was sent, shortened if long.'),
    allowed: described(z.optional(text), 'What would have been right.'),
  },
  'RFC 9457.',
);
