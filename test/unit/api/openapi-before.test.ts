import { readFileSync } from 'node:fs';
import { createOpenApi } from '../../../src/api/openapi';

/** The document before its schemas were made by zod. */
const before = JSON.parse(readFileSync('test/fixtures/openapi-before.json', 'utf8')) as Json;
const now = JSON.parse(JSON.stringify(createOpenApi('1.2.3'))) as Json;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const move = '/paths/~1v1~1streams~1{name}~1move/post/requestBody/content/application~1json/schema/properties';
const relays = 'the agent tells what relays are doing';
const newTypes = 'there are two more types of events, those of the relay';
const kinds = 'servers are MediaMTX servers or relays';
/** What the document says now and did not say before, and why that is right. */
const allowedDifferences: Readonly<Record<string, string>> = {
  '/components/schemas/Explanation/properties/evidence/items/properties/says/enum/3':
    'servers say `filler` since there are fillers; the document lacked it',
  '/components/responses/NotRead': 'events that cannot be read now were an internal error',
  '/components/schemas/Explanation/properties/haproxy/anyOf/0/items/properties/lastServer/description': kinds,
  '/components/schemas/Explanation/properties/kind': kinds,
  '/components/schemas/Explanation/properties/rule/enum/13': kinds,
  '/components/schemas/Explanation/required/kind': kinds,
  '/components/schemas/Server/properties/kind': kinds,
  '/components/schemas/Server/required/kind': kinds,
  '/components/schemas/Stream/properties/kind': kinds,
  '/components/schemas/Stream/required/kind': kinds,
  '/components/responses/NotFailedOver': relays,
  ...Object.fromEntries(
    ['BadSettings', 'NotConfigured', 'SettingsChanged'].map((name) => [`/components/responses/${name}`, relays]),
  ),
  '/components/schemas/Explanation/properties/relay': relays,
  '/components/schemas/Explanation/required/relay': relays,
  ...Object.fromEntries(
    ['AccountList', 'Config', 'ConfigList', 'FailoverDone', 'Stream', 'StreamList'].map((name) => [
      `/components/schemas/Relay${name}`,
      relays,
    ]),
  ),
  ...Object.fromEntries(
    ['accounts', 'config', 'config~1{name}', 'streams', 'streams~1{id}', 'streams~1{id}~1failover'].map((path) => [
      `/paths/~1v1~1relay~1${path}`,
      relays,
    ]),
  ),
  '/components/responses/UnknownHost/description': 'programs other than the agent answer so too',
  '/components/schemas/Event/properties/type/enum/14': newTypes,
  '/components/schemas/Event/properties/type/enum/15': newTypes,
  '/components/schemas/Webhook/properties/types/items/enum/14': newTypes,
  '/components/schemas/Webhook/properties/types/items/enum/15': newTypes,
  '/paths/~1v1~1events/get/parameters/3/description': newTypes,
  '/paths/~1v1~1events/get/parameters/3/schema/pattern': newTypes,
  [`${move}/force/default`]: 'what holds when it is left out, false, was not told',
  [`${move}/moveViewers/default`]: 'what holds when it is left out, false, was not told',
};

/**
 * One spelling of schemas that mean the same: `type: [string, null]` and `anyOf`, an enum with null in it, `type` beside constants, and the order of
 * keys and of what is required.
 */
function normalised(value: Json): Json {
  if (Array.isArray(value)) return value.map(normalised);
  if (typeof value !== 'object' || value === null) return value;
  const { type, description, default: standard, ...rest } = value;
  const alternatives = alternativesOf(type, rest);
  if (alternatives !== undefined) {
    return normalised({
      ...(description === undefined ? {} : { description }),
      ...(standard === undefined ? {} : { default: standard }),
      anyOf: alternatives,
    });
  }
  const constant = rest['enum'] ?? rest['const'];
  const entries = Object.entries(value)
    // Text, as its constants are.
    .filter(([key]) => !(key === 'type' && type === 'string' && constant !== undefined))
    .filter(([key, inner]) => !(key === 'description' && inner === null))
    // Every name is text, and anything is what is not said.
    .filter(([key, inner]) => key !== 'propertyNames' && !(key === 'additionalProperties' && isEmpty(inner)))
    .filter(([key, inner]) => !(key === 'required' && Array.isArray(inner) && inner.length === 0))
    .map(([key, inner]): [string, Json] => {
      const same = normalised(inner);
      return [
        key,
        key === 'required' && Array.isArray(same)
          ? Object.fromEntries(same.flatMap((name) => (typeof name === 'string' ? [[name, true] as const] : [])))
          : same,
      ];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}

function isEmpty(value: Json): boolean {
  return JSON.stringify(value) === '{}';
}

function alternativesOf(type: Json | undefined, rest: { [key: string]: Json }): Json[] | undefined {
  const words = rest['enum'];
  if (Array.isArray(words) && words.includes(null)) {
    return [{ ...rest, enum: words.filter((word) => word !== null) }, { type: 'null' }];
  }
  if (!Array.isArray(type)) return undefined;
  // Rules are for the types to which they apply.
  const { pattern, minLength, maxLength, minimum, maximum, ...others } = rest;
  const own = (rules: { [key: string]: Json | undefined }) =>
    JSON.parse(JSON.stringify({ ...others, ...rules })) as { [key: string]: Json };
  return type.map((one) => {
    if (one === 'null') return { type: 'null' };
    return one === 'string' ? own({ type: one, pattern, minLength, maxLength }) : own({ type: one, minimum, maximum });
  });
}

/** Where two documents differ, as JSON pointers. */
function differences(a: Json | undefined, b: Json | undefined, at = ''): string[] {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b) ? [] : [at];
  const [left, right] = [a, b] as [Record<string, Json>, Record<string, Json>];
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].flatMap((key) => differences(left[key], right[key], `${at}/${key.replaceAll('/', '~1')}`));
}

it('says what it said before', () => {
  expect(differences(normalised(before), normalised(now)).sort()).toEqual(Object.keys(allowedDifferences).sort());
});
