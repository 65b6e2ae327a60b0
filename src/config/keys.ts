import * as z from 'zod';
import { formatDuration, ownValue, parseDuration, parsedUrl } from '../wire';
import {
  formatAddress,
  isHostName,
  parseHostPort,
  parseListen,
  parseSocketAddress,
  type SocketAddress,
} from './address';
import { isTemplateUrl } from './template-url';

/** What kind of value a key takes; decides how the text of an environment variable or a flag is read. */
export type KeyType =
  | 'address'
  | 'socket'
  | 'duration'
  | 'number'
  | 'text'
  | 'secret'
  | 'file'
  | 'URL'
  | 'choice'
  | 'pattern'
  | 'list'
  | 'map';

/** What is known of a key beside its schema: the one source of error messages, flags, `mtxpilot config` and the reference. */
export interface KeyMeta<T = unknown> {
  readonly type: KeyType;
  /** What it means, in one or two sentences. */
  readonly description: string;
  /** Completes "expected …". */
  readonly allowed: string;
  /** The same beside the type, for the reference: without examples, values as code. Default: `allowed`. */
  readonly limits?: string | undefined;
  /** Of a map: what its names are the names of, e.g. `server`. */
  readonly namesOf?: string | undefined;
  /** The value as the configuration file has it. */
  write(value: T): unknown;
}

const registry = z.registry<KeyMeta>();

function describe<S extends z.ZodType>(schema: S, meta: KeyMeta<never>): S {
  // write() is only ever given what this very schema produced.
  registry.add(schema, meta as KeyMeta);
  return schema;
}

const unchanged = (value: unknown): unknown => value;

/** A value read by a function that gives undefined for what is not allowed. */
function readBy<T>(read: (given: unknown) => T | undefined) {
  return z.unknown().transform((given, context): T => {
    const value = read(given);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', input: given });
    return z.NEVER;
  });
}

/** As readBy, where the file may say `off` as well: null. */
function readByOrOff<T>(read: (given: unknown) => T | undefined) {
  return readBy((given): T | null | undefined =>
    given === null || given === false || given === 'off' || given === 'null' ? null : read(given),
  );
}

/** A text read by a function that gives undefined for what is not allowed. */
function readText<T>(read: (text: string) => T | undefined) {
  return readBy((given) => (typeof given === 'string' ? read(given) : undefined));
}

/** Bounds in milliseconds, both allowed. */
export function durationKey(description: string, min: number, max: number) {
  const schema = readBy((given) => {
    const durationMs = parseDuration(given);
    return durationMs !== undefined && durationMs >= min && durationMs <= max ? durationMs : undefined;
  });
  const [least, most] = [formatDuration(min), formatDuration(max)];
  const allowed = `a duration from ${least} to ${most}, such as 80ms, 2s, 30m or 1h (a bare number is milliseconds)`;
  const limits = `\`${least}\` to \`${most}\``;
  return describe(schema, { type: 'duration', description, allowed, limits, write: formatDuration });
}

/** Bounds, both allowed. */
export function numberKey(description: string, min: number, max: number) {
  const allowed = `a whole number from ${min} to ${max}`;
  const limits = `\`${min}\` to \`${max}\``;
  return describe(z.int().min(min).max(max), { type: 'number', description, allowed, limits, write: unchanged });
}

/** Bounds, both allowed; with a fraction or without. */
export function decimalKey(description: string, min: number, max: number) {
  const allowed = `a number from ${min} to ${max}`;
  const limits = `\`${min}\` to \`${max}\``;
  return describe(z.number().min(min).max(max), { type: 'number', description, allowed, limits, write: unchanged });
}

/** An address to listen on. */
export function listenKey(description: string) {
  const allowed = 'HOST:PORT, such as 127.0.0.1:9101, [::1]:9101, or *:9101 for every IPv4 address';
  const limits = '`HOST:PORT`';
  return describe(readText(parseListen), { type: 'address', description, allowed, limits, write: formatAddress });
}

const listenAllowed = 'HOST:PORT, such as 127.0.0.1:9100, [::1]:9100, or *:9100 for every IPv4 address, or';

/** An address to listen on, or null where the file says `off`. */
export function optionalListenKey(description: string) {
  return optionalPlaceKey(description, parseListen, `${listenAllowed} off`, '`HOST:PORT`, `off`');
}

/** An address or a Unix socket to listen on, or null where the file says `off`. */
export function optionalSocketListenKey(description: string) {
  const read = (text: string): SocketAddress | undefined =>
    /^(?:unix@|\/)/.test(text) ? parseSocketAddress(text) : parseListen(text);
  const allowed = `${listenAllowed} the path of a Unix socket, such as /run/mtxpilot/spoe.sock, or off`;
  return optionalPlaceKey(description, read, allowed, "`HOST:PORT`, a Unix socket's path, `off`");
}

function optionalPlaceKey<T extends SocketAddress>(
  description: string,
  read: (text: string) => T | undefined,
  allowed: string,
  limits: string,
) {
  const schema = readByOrOff((given) => (typeof given === 'string' ? read(given) : undefined));
  const write = (address: T | null): string => (address === null ? 'off' : formatAddress(address));
  return describe(schema, { type: 'address', description, allowed, limits, write });
}

/** The address of HAProxy's `stats socket`. */
export function socketKey(description: string) {
  const allowed =
    'the path of a Unix socket, such as /run/haproxy/admin.sock, or HOST:PORT, such as 127.0.0.1:9999 (unix@, ipv4@ and ipv6@ may stand in front)';
  const limits = "a Unix socket's path, `HOST:PORT`";
  return describe(readText(parseSocketAddress), { type: 'socket', description, allowed, limits, write: formatAddress });
}

/** Where our own Unix socket is made: a path, `auto`, or null where the file says `off`. */
export function ownSocketKey(description: string) {
  const schema = readByOrOff((given): { readonly path: string } | 'auto' | undefined => {
    if (given === 'auto') return 'auto';
    const address = typeof given === 'string' ? parseSocketAddress(given) : undefined;
    return address !== undefined && 'path' in address ? { path: address.path } : undefined;
  });
  return describe(schema, {
    type: 'socket',
    description,
    allowed: 'the path of a Unix socket, such as /run/mtxpilot/admin.sock, at most 107 characters, or auto, or off',
    limits: "a Unix socket's path, at most 107 characters, `auto`, `off`",
    write: (socket: { readonly path: string } | 'auto' | null) =>
      socket === null ? 'off' : socket === 'auto' ? 'auto' : socket.path,
  });
}

/** The address of a service elsewhere. */
export function hostPortKey(description: string) {
  const schema = readText((text) => {
    const address = parseHostPort(text);
    return address !== undefined && address.port > 0 ? address : undefined;
  });
  const allowed = 'HOST:PORT, such as 10.0.0.11:8888 or [2001:db8::11]:8888';
  return describe(schema, { type: 'address', description, allowed, limits: '`HOST:PORT`', write: formatAddress });
}

export function choiceKey<const T extends readonly [string, ...string[]]>(description: string, choices: T) {
  const allowed = `${choices.slice(0, -1).join(', ')} or ${choices.at(-1) ?? ''}`;
  const limits = choices.map((choice) => `\`${choice}\``).join(', ');
  return describe(z.enum(choices), { type: 'choice', description, allowed, limits, write: unchanged });
}

/** True or false. */
export function yesNoKey(description: string) {
  const schema = readBy((given) => {
    if (given === true || given === 'true') return true;
    return given === false || given === 'false' ? false : undefined;
  });
  const limits = '`true`, `false`';
  return describe(schema, { type: 'choice', description, allowed: 'true or false', limits, write: unchanged });
}

/** Some of the choices, in a list. */
export function choicesKey<const T extends readonly string[]>(description: string, choices: T) {
  const schema = readBy((given): T[number][] | undefined =>
    Array.isArray(given) && given.length <= choices.length && given.every((one) => choices.includes(one as string))
      ? (given as T[number][])
      : undefined,
  );
  return describe(schema, {
    type: 'list',
    description,
    allowed: `a list of some of ${choices.join(', ')}`,
    limits: `some of ${choices.map((choice) => `\`${choice}\``).join(', ')}`,
    write: unchanged,
  });
}

/** A list of host names, each of which may begin with `*.`. */
export function hostNamesKey(description: string, max: number) {
  const name = z.string().refine((text) => isHostName(text.replace(/^\*\./, '')));
  const allowedName = 'a host name without a port, such as agent.internal or "*.example.com"';
  const element = describe(name, { type: 'text', description, allowed: allowedName, write: unchanged });
  return describe(z.array(element).max(max), {
    type: 'list',
    description,
    allowed: `a list of at most ${max} host names without ports, such as [agent.internal, "*.example.com"]`,
    limits: `at most ${max} host names without ports, \`*.\` in front for all below`,
    write: unchanged,
  });
}

/** A list of IP addresses and networks in CIDR notation, and of host names where they are allowed. */
export function networksKey(description: string, max: number, hostNames: 'with host names' | 'addresses only') {
  const withNames = hostNames === 'with host names';
  const isNetwork = (text: string): boolean => networkSchemas.some((schema) => schema.safeParse(text).success);
  const one = z.string().refine((text) => isNetwork(text) || (withNames && isHostName(text)));
  const also = withNames ? ' or host names' : '';
  const allowedOne = withNames
    ? 'an IP address, a network such as 10.0.0.0/8, or a host name'
    : 'an IP address or a network such as 10.0.0.0/8';
  const element = describe(one, { type: 'text', description, allowed: allowedOne, write: unchanged });
  return describe(z.array(element).max(max), {
    type: 'list',
    description,
    allowed: `a list of at most ${max} IP addresses, networks${also}, such as [192.168.1.20, 10.0.0.0/8]`,
    limits: `at most ${max} IP addresses, networks in CIDR notation${also}`,
    write: unchanged,
  });
}

const networkSchemas = [z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()] as const;

/** The value of an HTTP header. */
export function headerKey(description: string) {
  const allowed = 'a line of 1 to 300 printable ASCII characters';
  return describe(z.string().regex(/^[\x20-\x7e]{1,300}$/), { type: 'text', description, allowed, write: unchanged });
}

/** What all paths of an API begin with; empty for nothing. */
export function rootPathKey(description: string) {
  const schema = readText((text) => {
    const path = text.replace(/\/+$/, '');
    return /^(?:\/[A-Za-z0-9._~-]{1,64}){0,8}$/.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path) ? path : undefined;
  });
  const allowed = 'a path such as /m3u-proxy, or / for none';
  const write = (path: string): string => (path === '' ? '/' : path);
  return describe(schema, { type: 'text', description, allowed, limits: 'a path, `/` for none', write });
}

/** A path at which players ask. */
export function playerPathKey(description: string) {
  const schema = z
    .string()
    .regex(/^(?:\/[A-Za-z0-9._~-]{1,64}){1,8}$/)
    .refine((path) => !/\/\.{1,2}(?:\/|$)/.test(path) && !/^\/(?:stream|hls)\//.test(path));
  const allowed = 'a path such as /ace/getstream, not below /stream or /hls';
  return describe(schema, {
    type: 'text',
    description,
    allowed,
    limits: 'a path, not below `/stream` or `/hls`',
    write: unchanged,
  });
}

/** The URL of a source in which `{name}` stands for a parameter of the request. */
export function templateUrlKey(description: string) {
  const allowed =
    'an http:// or https:// URL with names in braces behind the host, such as http://127.0.0.1:6878/ace/manifest.m3u8?id={id}';
  const schema = z.string().refine(isTemplateUrl);
  // It may hold a login.
  const limits = '`http://` or `https://`, with `{NAME}` behind the host';
  return describe(schema, { type: 'URL', description, allowed, limits, write: shownMatch });
}

/** Which URLs belong to an account: a host, with its port, or the beginning of the URL. */
export function sourceMatchKey(description: string) {
  const allowed =
    'a host such as provider.example, with a port or not, or the beginning of a URL such as http://provider.example/live/user/';
  const schema = z.string().refine((text) => {
    if (isHostName(text) || parseHostPort(text) !== undefined) return true;
    return /^https?:\/\/[\x21-\x7e]{1,2000}$/.test(text) && parsedUrl(text) !== undefined;
  });
  const limits = '`HOST`, `HOST:PORT`, or the beginning of a URL';
  // The beginning of a URL may hold a login.
  return describe(schema, { type: 'URL', description, allowed, limits, write: shownMatch });
}

/** A match with no more of a URL than scheme, host and port. */
function shownMatch(match: string): string {
  if (!match.includes('://')) return match;
  const { protocol, host, pathname } = new URL(match);
  return `${protocol}//${host}${pathname === '/' ? '' : '/…'}`;
}

/** A name as HAProxy allows it for backends and servers. */
export function haproxyNameKey(description: string) {
  const allowed = 'a name as in haproxy.cfg: letters, digits and _ . : -, at most 255';
  return describe(z.string().regex(/^[A-Za-z0-9_.:-]{1,255}$/), {
    type: 'text',
    description,
    allowed,
    limits: 'letters, digits and `_ . : -`, at most 255',
    write: unchanged,
  });
}

/** A map of haproxy.cfg as `map_str()` names it, or null where the file says `off`. */
export function optionalMapFileKey(description: string) {
  const schema = readByOrOff((given) =>
    typeof given === 'string' && /^[A-Za-z0-9_.:/@-]{1,255}$/.test(given) ? given : undefined,
  );
  return describe(schema, {
    type: 'text',
    description,
    allowed: "a map's file as haproxy.cfg names it, such as routes.map or /etc/haproxy/routes.map, or off",
    limits: 'a file as haproxy.cfg names it, `off`',
    write: (map: string | null) => map ?? 'off',
  });
}

/** A file or folder that another program knows; nothing is opened here. */
export function filePathKey(description: string) {
  const schema = z.string().regex(/^[^\p{Cc}]{1,4096}$/u);
  return describe(schema, { type: 'file', description, allowed: 'a path', write: unchanged });
}

/** User of HTTP basic authentication (RFC 7617: no colon, no control characters). */
export function usernameKey(description: string) {
  const allowed = 'a text of 1 to 255 characters without a colon (a number needs quotes)';
  return describe(z.string().regex(/^[^:\u0000-\u001f\u007f]{1,255}$/), {
    type: 'text',
    description,
    allowed,
    limits: '1 to 255 characters without a colon',
    write: unchanged,
  });
}

/** Never shown: neither in messages nor by `mtxpilot config`. `least` is the least number of characters. */
export function secretKey(description: string, least = 1) {
  const allowed = `a text of ${least} to 1024 characters in one line (a number needs quotes)`;
  return describe(
    z
      .string()
      .min(least)
      .regex(/^[^\u0000-\u001f\u007f]{1,1024}$/),
    {
      type: 'secret',
      description,
      allowed,
      limits: `${least} to 1024 characters in one line`,
      write: () => hiddenSecret,
    },
  );
}

/** What stands for a secret that is set. */
export const hiddenSecret = '(hidden)';

/** The path of a file whose content is a secret. */
export function secretFileKey(description: string) {
  return openedPathKey(description, 'the path of a file');
}

/** The path of a file that is read at the start. */
export function fileKey(description: string) {
  return openedPathKey(description, 'the path of a file');
}

/** The path of a folder. */
export function folderKey(description: string) {
  return openedPathKey(description, 'the path of a folder');
}

function openedPathKey(description: string, allowed: string) {
  const schema = z.string().regex(/^[^\u0000-\u001f\u007f]{1,4096}$/);
  return describe(schema, { type: 'file', description, allowed, write: unchanged });
}

/** Where Redis listens. Its user and password are keys of their own, so that the address may be shown. */
export function redisUrlKey(description: string) {
  const allowed =
    'a redis:// or rediss:// (TLS) URL without user and password, such as redis://10.0.0.5:6379 or rediss://redis.example:6380/2';
  const schema = z.string().refine((text) => {
    const url = /^rediss?:\/\/[\x21-\x7e]{1,1000}$/.test(text) ? parsedUrl(text) : undefined;
    if (url === undefined) return false;
    const { username, password, hostname, pathname, search, hash } = url;
    return `${username}${password}${search}${hash}` === '' && hostname !== '' && /^(\/\d{0,5})?$/.test(pathname);
  });
  const limits = '`redis://` or `rediss://`, without user and password';
  return describe(schema, { type: 'URL', description, allowed, limits, write: unchanged });
}

/** What the keys of a shared store begin with. Braces would tell a cluster which part of a key counts. */
export function storePrefixKey(description: string) {
  const allowed = 'a text of at most 64 letters, digits and _ . : -';
  return describe(z.string().regex(/^[A-Za-z0-9_.:-]{0,64}$/), {
    type: 'text',
    description,
    allowed,
    limits: 'letters, digits and `_ . : -`, at most 64',
    write: unchanged,
  });
}

/** Base URL of a Control API; with `template`, `{address}` and `{name}` stand for those of a server. */
export function apiUrlKey(description: string, kind: 'template' | 'plain') {
  const allowed =
    kind === 'template'
      ? 'an http:// or https:// URL without user, password and query, in which {address} and {name} stand for those of a server'
      : 'an http:// or https:// URL without user, password and query, such as http://10.0.0.11:9997';
  const schema = readText((text) => {
    const example = kind === 'template' ? text.replaceAll('{address}', '127.0.0.1').replaceAll('{name}', 'mtx1') : text;
    return isBaseUrl(example) ? text.replace(/\/+$/, '') : undefined;
  });
  const limits =
    kind === 'template'
      ? '`http://` or `https://`, without user, password and query; with `{address}` and `{name}` in it'
      : '`http://` or `https://`, without user, password and query';
  return describe(schema, { type: 'URL', description, allowed, limits, write: unchanged });
}

/** Where a receiver of webhooks listens. */
export function webhookUrlKey(description: string) {
  const allowed = 'an http:// or https:// URL without user, password and fragment, at most 2048 characters';
  const schema = z.string().refine((text) => {
    const isPlain = /^https?:\/\/[\x21-\x7e]{1,2040}$/.test(text) && !text.includes('#');
    return isPlain && isWithoutLogin(parsedUrl(text));
  });
  const limits = '`http://` or `https://`, without user, password and fragment, at most 2048 characters';
  return describe(schema, { type: 'URL', description, allowed, limits, write: unchanged });
}

/** A secret as Standard Webhooks has it. */
export function webhookSecretKey(description: string) {
  const allowed = 'whsec_ and 24 to 64 bytes in base 64 (echo whsec_$(head -c 32 /dev/urandom | base64))';
  const schema = z.string().refine((text) => {
    const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
    const bytes = encoded === undefined ? 0 : Buffer.from(encoded, 'base64').length;
    return bytes >= 24 && bytes <= 64;
  });
  const limits = '`whsec_` and 24 to 64 bytes in base 64';
  return describe(schema, { type: 'secret', description, allowed, limits, write: () => hiddenSecret });
}

function isBaseUrl(text: string): boolean {
  return /^https?:\/\/[\x21-\x7e]+$/.test(text) && !/[{}?#\\]/.test(text) && isWithoutLogin(parsedUrl(text));
}

function isWithoutLogin(url: URL | undefined): boolean {
  return url?.username === '' && url.password === '';
}

/**
 * A pattern over stream names: `*` for characters of one part of the path, `**` across slashes.
 * At most 200 characters and three wildcards: every name from a viewer's URL is compared with it.
 */
export function streamPatternKey(description: string) {
  const allowed =
    'a pattern of stream names: letters, digits and _ - / . ~, with * within one part of the path and ** across slashes, at most three of them, at most 200 characters';
  const schema = z.string().refine((text) => {
    const wildcards = text.match(/\*+/g) ?? [];
    return (
      /^[A-Za-z0-9_\-/.~*]{1,200}$/.test(text) &&
      !/^\/|\/$/.test(text) &&
      wildcards.length <= 3 &&
      wildcards.every((wildcard) => wildcard.length <= 2)
    );
  });
  const limits = 'letters, digits and `_ - / . ~`, `*` and `**`, at most three of them, at most 200 characters';
  return describe(schema, { type: 'pattern', description, allowed, limits, write: unchanged });
}

/** A list of sections; `write` is applied to the keys of each. */
export function listKey<S extends z.ZodObject>(description: string, element: S, max: number) {
  const allowed = `a list of at most ${max}, each with the keys ${Object.keys(element.shape).join(', ')}`;
  const schema = z.array(element).max(max);
  return describe(schema, {
    type: 'list',
    description,
    allowed,
    write: (items: readonly Record<string, unknown>[]) => items.map((item) => writeSection(element, item)),
  });
}

/** A map of sections by the names of servers. */
export function serverMapKey<S extends z.ZodObject>(description: string, element: S) {
  return mapKey(description, element, {
    namesOf: 'server',
    pattern: /^[A-Za-z0-9_.:-]{1,255}$/,
    allowed: "servers' names as in haproxy.cfg",
  });
}

/** A map of sections by names that are chosen here: letters, digits and `-`, at most 40. */
export function namedMapKey<S extends z.ZodObject>(description: string, element: S, namesOf: string) {
  return mapKey(description, element, {
    namesOf,
    pattern: /^[A-Za-z0-9-]{1,40}$/,
    allowed: 'names (letters, digits and -, at most 40)',
  });
}

function mapKey<S extends z.ZodObject>(
  description: string,
  element: S,
  { namesOf, pattern, allowed }: { readonly namesOf: string; readonly pattern: RegExp; readonly allowed: string },
) {
  const schema = z.record(z.string().regex(pattern), element);
  return describe(schema, {
    type: 'map',
    description,
    allowed: `a map of ${allowed}, each with some of the keys ${Object.keys(element.shape).join(', ')}`,
    namesOf,
    write: (sections: Readonly<Record<string, Record<string, unknown>>>) =>
      Object.fromEntries(Object.entries(sections).map(([name, section]) => [name, writeSection(element, section)])),
  });
}

function writeSection(schema: z.ZodObject, section: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const written = Object.entries(section).flatMap(([key, value]) => {
    const inner = ownValue(schema.shape as Readonly<Record<string, z.ZodType>>, key);
    return value === undefined || inner === undefined ? [] : [[key, metaOf(inner)?.write(value) ?? value]];
  });
  return Object.fromEntries(written) as Record<string, unknown>;
}

/** The metadata of a key behind its `.default()` and `.optional()`; undefined for a section. */
export function metaOf(schema: z.ZodType): KeyMeta | undefined {
  return registry.get(schema) ?? (isWrapper(schema) ? metaOf(schema.unwrap() as z.ZodType) : undefined);
}

/** `.default()`, `.prefault()` and `.optional()` wrap the schema that matters. */
export function isWrapper(schema: z.ZodType): schema is z.ZodDefault | z.ZodPrefault | z.ZodOptional {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
}
