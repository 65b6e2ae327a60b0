import * as z from 'zod';
import type { ServerToAsk } from '../config';
import { createMediamtxClient, type ServerInfo } from '../mediamtx';
import { compareVersions } from './block-condition';
import { type Finding, listNames, right, wrong } from './finding';
import { httpProbe, type ProbeAnswer, readJson } from './http-probe';
import type { Place } from './parse-config';
import { isTrustedProxy } from './trusted-proxy';

/** A server to look at. */
export interface ServerToCheck {
  readonly name: string;
  /** By the backend that it is in. */
  readonly kind: ServerToAsk['kind'];
  /** Where HAProxy sends viewers: a host (IPv6 without brackets) and a port. */
  readonly host: string;
  readonly port: number;
  /** HAProxy speaks TLS to it. */
  readonly isTls: boolean;
  /** Base URL of its Control API; undefined where the settings tell none. */
  readonly apiUrl: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** What HAProxy says; undefined where it cannot be asked. */
  readonly state: 'UP' | 'DOWN' | 'maint' | undefined;
  /** Its line in haproxy.cfg. */
  readonly place: Place | undefined;
}

export interface ServerCheckOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** At most so many servers at a time. Default 8. */
  readonly atOnce?: number;
}

/** What a server said, for comparing it with the others. */
interface Seen {
  readonly server: ServerToCheck;
  readonly findings: readonly Finding[];
  readonly info: ServerInfo | undefined;
  readonly settings: ServerSettings | undefined;
}

/** The part of `GET /v3/config/global/get` that HAProxy's work depends on. Older versions know less. */
const settingsShape = z.looseObject({
  hls: z.boolean().optional(),
  hlsAddress: z.string().optional(),
  hlsEncryption: z.boolean().optional(),
  hlsVariant: z.string().optional(),
  hlsAlwaysRemux: z.boolean().optional(),
  hlsTrustedProxies: z.array(z.string()).nullish(),
});
type ServerSettings = z.output<typeof settingsShape>;

/** Since then a master playlist's query is copied into the URIs of its children, by which sessions are known. */
const oldestVersion = '1.8.3';
/** The Date header counts whole seconds, and clocks that are kept by NTP differ by milliseconds. */
const clockToleranceMs = 1000;

/** Do the servers answer viewers and the agent, which version are they, do they trust HAProxy, and do the clocks agree? */
export async function checkServers(servers: readonly ServerToCheck[], options: ServerCheckOptions): Promise<Finding[]> {
  const waiting = [...servers.entries()];
  const seen: Seen[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, server] = next;
      seen[index] = await checkServer(server, options);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce ?? 8 }, work));
  return [...seen.flatMap(({ findings }) => findings), ...checkAlike(seen)];
}

async function checkServer(server: ServerToCheck, options: ServerCheckOptions): Promise<Seen> {
  const { name, state, place } = server;
  if (state === 'maint') {
    const findings = [right('server.up', `${name} is in maintenance, and was not looked at.`)];
    return { server, findings, info: undefined, settings: undefined };
  }
  const findings: Finding[] = [];
  if (state === 'DOWN') {
    const change = `start ${programs[server.kind]} there, or take it out: mtxpilot maint ${name}`;
    findings.push(wrong('error', 'server.up', `HAProxy calls ${name} DOWN.`, place, change));
  }
  const hls = await checkHls(server, options);
  findings.push(hls.finding);
  const api = await checkApi(server, hls.answer, options);
  return { server, findings: [...findings, ...api.findings], info: api.info, settings: api.settings };
}

const programs: Readonly<Record<ServerToAsk['kind'], string>> = { mediamtx: 'MediaMTX', relay: 'mtxpilot relay' };

async function checkHls(
  { name, kind, host, port, isTls, place }: ServerToCheck,
  { timeoutMs, signal }: ServerCheckOptions,
): Promise<{ finding: Finding; answer: ProbeAnswer | undefined }> {
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const url = `${isTls ? 'https' : 'http'}://${at}/`;
  const answer = await httpProbe(url, { timeoutMs, signal, verifyCertificate: false });
  if (answer.ok) return { finding: right('server.hls', `${name} answers viewers on ${at}.`), answer };
  const what = `${name} does not answer viewers on ${at}: ${answer.reason}.`;
  const setting = kind === 'relay' ? 'relay.listen of the relay' : '"hls" and "hlsAddress" in mediamtx.yml';
  const change = `correct the address of "server ${name}", or check ${setting}`;
  return { finding: wrong('error', 'server.hls', what, place, change), answer: undefined };
}

async function checkApi(
  server: ServerToCheck,
  hls: ProbeAnswer | undefined,
  options: ServerCheckOptions,
): Promise<Omit<Seen, 'server'>> {
  const { name, apiUrl, username, password, place } = server;
  const { timeoutMs, signal } = options;
  if (apiUrl === undefined) {
    const what = `It is not known where the Control API of ${name} is.`;
    const findings = [wrong('error', 'server.api', what, place, `set mediamtx.servers.${name}.api in mtxpilot.yaml`)];
    return { findings, info: undefined, settings: undefined };
  }
  const client = createMediamtxClient({ server: name, apiUrl, username, password, timeoutMs });
  const info = await client.info().finally(() => client.close());
  if (!info.ok) {
    const change =
      server.kind === 'relay'
        ? `set mediamtx.servers.${name}.password in mtxpilot.yaml to its relay.token`
        : info.failure === 'unauthorized'
          ? 'set mediamtx.username and mediamtx.password, and allow that user the action "api" in authInternalUsers of mediamtx.yml'
          : 'set "api: yes" and "apiAddress: :9997" in mediamtx.yml, or mediamtx.api in mtxpilot.yaml';
    const findings = [
      wrong('error', 'server.api', `The Control API at ${apiUrl} fails: ${info.detail}.`, undefined, change),
    ];
    return { findings, info: undefined, settings: undefined };
  }
  const told = checkKind(server, info.value);
  if (told.severity !== 'ok') return { findings: [told], info: undefined, settings: undefined };
  if (server.kind === 'relay') {
    const alive = await httpProbe(`${apiUrl}/healthz`, { timeoutMs, signal });
    const answers = right('server.api', `${name} tells the agent its streams at ${apiUrl}.`);
    return {
      findings: [answers, told, ...(alive.ok ? checkClock(name, alive) : [])],
      info: undefined,
      settings: undefined,
    };
  }
  const answer = await httpProbe(`${apiUrl}/v3/config/global/get`, { timeoutMs, signal, username, password });
  const settings = answer.ok && answer.status === 200 ? readJson(settingsShape, answer.body) : undefined;
  const findings: Finding[] = [
    right('server.api', `The Control API of ${name} answers at ${apiUrl}.`),
    checkVersion(name, info.value, settings),
    ...(settings === undefined ? [] : [...checkTrust(server, settings, hls), ...checkSettings(server, settings)]),
    ...(answer.ok ? checkClock(name, answer) : []),
  ];
  return { findings, info: info.value, settings };
}

/** A relay says `mtxpilot-` before its version. */
function checkKind({ name, kind, place }: ServerToCheck, { version }: ServerInfo): Finding {
  const found = version?.startsWith('mtxpilot-') === true ? 'relay' : 'mediamtx';
  if (found === kind) return right('server.kind', `${name} is ${kind === 'relay' ? 'a relay' : 'a MediaMTX'}.`);
  const what =
    found === 'relay' ? `${name} is a relay among MediaMTX servers.` : `${name} is no relay, and is among the relays.`;
  return wrong('error', 'server.kind', what, place, 'move its line to the other backend');
}

function checkVersion(name: string, { version, era }: ServerInfo, settings: ServerSettings | undefined): Finding {
  const order = version === undefined ? undefined : compareVersions(version.replace(/^v/, ''), oldestVersion);
  if (order !== undefined && order < 0) {
    const what = `${name} is MediaMTX ${version ?? ''}.`;
    return wrong('error', 'server.version', what, undefined, `install ${oldestVersion} or newer, v1.18 for sessions`);
  }
  const remux = settings?.hlsAlwaysRemux === false ? ', HLS starts with the first viewer (hlsAlwaysRemux: no)' : '';
  const kind = settings?.hlsVariant === undefined ? '' : `, ${settings.hlsVariant}`;
  return right(
    'server.version',
    `${name} is MediaMTX ${version ?? 'before v1.15.2'} (${era ?? 'unknown'} era${kind})${remux}.`,
  );
}

function checkTrust(
  { name }: ServerToCheck,
  { hlsTrustedProxies }: ServerSettings,
  hls: ProbeAnswer | undefined,
): Finding[] {
  const trusted = hlsTrustedProxies ?? [];
  const everybody = trusted.filter((entry) => /\/0$/.test(entry));
  if (everybody.length > 0) {
    const what = `${name} trusts X-Forwarded-For from everybody (hlsTrustedProxies: ${everybody.join(', ')}).`;
    return [
      wrong('warning', 'server.trust-all', what, undefined, `name only HAProxy's address in mediamtx.yml of ${name}`),
    ];
  }
  const address = hls?.localAddress;
  if (address === undefined) return [];
  if (isTrustedProxy(address, trusted)) {
    return [right('server.trust', `${name} trusts this machine (${address}) to name the viewer.`)];
  }
  const list = trusted.length === 0 ? 'nobody' : trusted.join(', ');
  const what = `${name} does not trust this machine (${address}) to name the viewer; it trusts ${list}.`;
  const change = `write "hlsTrustedProxies: ['${address}']" in mediamtx.yml of ${name} (HAProxy's address, if it runs elsewhere)`;
  return [wrong('warning', 'server.trust', what, undefined, change)];
}

function checkSettings({ name, port, isTls, place }: ServerToCheck, settings: ServerSettings): Finding[] {
  const { hls, hlsAddress, hlsEncryption } = settings;
  if (hls === false) {
    const change = `write "hls: yes" in mediamtx.yml of ${name}`;
    return [wrong('error', 'server.settings', `${name} does not serve HLS.`, undefined, change)];
  }
  const findings: Finding[] = [];
  const served = /:(\d+)$/.exec(hlsAddress ?? '')?.[1];
  if (served !== undefined && Number(served) !== port) {
    const what = `HAProxy sends viewers of ${name} to port ${port}, and it serves HLS on ${hlsAddress ?? ''}.`;
    findings.push(
      wrong('warning', 'server.settings', what, place, `write port ${served}, unless the port is forwarded`),
    );
  }
  if (hlsEncryption !== undefined && hlsEncryption !== isTls) {
    const what = hlsEncryption
      ? `${name} serves HLS over TLS only, and HAProxy speaks plain HTTP.`
      : `HAProxy speaks TLS to ${name}, which serves plain HTTP.`;
    const change = hlsEncryption ? 'add "ssl verify required ca-file …" to the server' : 'remove "ssl" from the server';
    findings.push(wrong('error', 'server.settings', what, place, change));
  }
  return findings.length > 0 ? findings : [right('server.settings', `The settings of ${name} fit HAProxy.`)];
}

function checkClock(name: string, { headers, sentMs, receivedMs }: ProbeAnswer): Finding[] {
  const said = Date.parse(headers.date ?? '');
  if (Number.isNaN(said)) return [];
  // The header was written between sending and receiving, somewhere in the second that it names.
  const ahead = said - receivedMs;
  const behind = sentMs - (said + 1000);
  const offMs = Math.max(ahead, behind, 0);
  if (offMs <= clockToleranceMs) return [right('server.clock', `The clock of ${name} agrees with this machine's.`)];
  const direction = ahead > behind ? 'ahead of' : 'behind';
  const what = `The clock of ${name} is at least ${(offMs / 1000).toFixed(1)} s ${direction} this machine's.`;
  return [wrong('warning', 'server.clock', what, undefined, `run NTP (chrony, systemd-timesyncd) on ${name} and here`)];
}

/** Players that are moved should find the same kind of HLS. */
function checkAlike(seen: readonly Seen[]): Finding[] {
  const findings: Finding[] = [];
  const differ = (label: string, valueOf: (one: Seen) => string | undefined, change: string): void => {
    const groups = new Map<string, string[]>();
    for (const one of seen) {
      const value = valueOf(one);
      if (value !== undefined) groups.set(value, [...(groups.get(value) ?? []), one.server.name]);
    }
    if (groups.size < 2) return;
    const list = [...groups].map(([value, names]) => `${value} (${listNames(names)})`).join(', ');
    findings.push(wrong('warning', 'server.alike', `The servers differ in ${label}: ${list}.`, undefined, change));
  };
  differ('their era', ({ info }) => info?.era, 'bring all servers to the same side of v1.18');
  differ('hlsVariant', ({ settings }) => settings?.hlsVariant, 'write the same hlsVariant in every mediamtx.yml');
  const known = seen.filter(({ info }) => info !== undefined).length;
  if (findings.length === 0 && known > 1) findings.push(right('server.alike', 'All servers are of the same kind.'));
  return findings;
}
