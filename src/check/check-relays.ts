import { formatDuration } from '../wire';
import { contentConditions } from './check-routing';
import { type ConfigContext, variableOf } from './config-context';
import { type Finding, listNames, right, wrong } from './finding';
import { parseHaproxyTime } from './haproxy-time';
import type { ConfigLine } from './parse-config';
import { effective, effectiveOption, frontendsOf, isChecked, type Proxy, placeToChange, serversOf } from './proxy';

/** A provider may be silent, and a viewer pause, for longer than anything that HAProxy should decide about. */
const leastPatienceMs = 60_000;

/** Does a request reach a provider once, on the relay of its account, and does HAProxy wait for relays? Nothing where there is no backend of relays. */
export function checkRelays(context: ConfigContext): Finding[] {
  const { proxies, expected } = context;
  const relays = proxies.find(({ kind, name }) => kind !== 'frontend' && name === expected.relayBackend);
  if (relays === undefined) return [];
  const frontends = frontendsOf(proxies, relays.name);
  return [
    checkReached(relays, frontends),
    checkNames(context, relays),
    checkDecided(context, relays),
    checkAccounts(relays),
    checkOnce(relays),
    checkLeaving(relays),
    ...checkPatience(relays, frontends),
    checkHealth(relays),
  ];
}

function checkReached(relays: Proxy, frontends: readonly Proxy[]): Finding {
  if (frontends.length > 0) return right('relays.reached', `Requests for streams of relays go to ${relays.name}.`);
  const change = `add "use_backend ${relays.name} if { path -m reg ^(/m3u-proxy)?/(stream/[0-9a-f]{32}|hls/[0-9a-f]{32}/.+)\\$ }" to the frontend`;
  return wrong('warning', 'relays.reached', `No frontend leads to backend ${relays.name}.`, relays, change);
}

function checkNames({ backend }: ConfigContext, relays: Proxy): Finding {
  const own = serversOf(backend);
  const servers = serversOf(relays);
  const twice = servers.find(({ name, address }) =>
    own.some((other) => other.name === name || other.address === address),
  );
  if (twice === undefined) {
    const names = servers.map(({ name }) => name);
    return right('relays.names', `${listNames(names)} ${names.length === 1 ? 'is' : 'are'} in ${relays.name} only.`);
  }
  const what = `${twice.name} of ${relays.name} has the name or the address of a server in ${backend.name}.`;
  return wrong('error', 'relays.names', what, twice, 'keep relays in one backend, MediaMTX servers in the other');
}

function checkDecided(context: ConfigContext, relays: Proxy): Finding {
  const variable = variableOf(context, 'server');
  const isUsed = relays.lines.some(
    ({ words }) => words[0] === 'use-server' && words[1]?.includes(`%[var(${variable})`) === true,
  );
  if (isUsed) return right('relays.decided', "HAProxy goes to the relay of the agent's decision.");
  const change = `add "use-server %[var(${variable})] if { var(${variable}) -m found }"`;
  return wrong('error', 'relays.decided', `Backend ${relays.name} does not use ${variable}.`, relays, change);
}

function checkAccounts(relays: Proxy): Finding {
  const balance = effective(relays, 'balance');
  const isByHash = balance?.words[1] === 'hash' && effective(relays, 'hash-type')?.words[1] === 'consistent';
  if (isByHash || serversOf(relays).length < 2)
    return right('relays.account', 'Without the agent, too, an account stays with one relay.');
  const what = `Backend ${relays.name} balances by ${balance?.words.slice(1).join(' ') ?? 'roundrobin'}, without the agent not by account.`;
  const { place } = placeToChange(relays, balance);
  const change = 'write "balance hash var(txn.account)" and "hash-type consistent"';
  return wrong('warning', 'relays.account', what, place, change);
}

function checkOnce(relays: Proxy): Finding {
  const retryOn = effective(relays, 'retry-on');
  const again = retryOn?.words.slice(1).find((condition) => contentConditions.test(condition));
  const isOff =
    effective(relays, 'retries')?.words[1] === '0' ||
    relays.lines.some(
      ({ words }) => words[0] === 'http-request' && words[1] === 'disable-l7-retry' && words.length === 2,
    );
  if (again === undefined || isOff) return right('relays.once', 'A request reaches a provider once.');
  const what = `Backend ${relays.name} sends a request again after ${again}.`;
  const { place } = placeToChange(relays, retryOn);
  return wrong('error', 'relays.once', what, place, 'write "retry-on conn-failure"');
}

function checkLeaving(relays: Proxy): Finding {
  if (effectiveOption(relays, 'abortonclose') !== undefined)
    return right('relays.leave', 'A relay hears at once that a client has left.');
  const what = `Backend ${relays.name} is without "option abortonclose".`;
  return wrong('warning', 'relays.leave', what, relays, 'add "option abortonclose"');
}

function checkPatience(relays: Proxy, frontends: readonly Proxy[]): Finding[] {
  const findings: Finding[] = [];
  const check = (who: string, proxy: Proxy, line: ConfigLine | undefined, change: string): void => {
    const text = line?.words.at(line.words[0] === 'http-request' ? 3 : 2) ?? '';
    const timeMs = parseHaproxyTime(text);
    if (timeMs === undefined || timeMs >= leastPatienceMs) return;
    const what = `HAProxy waits ${formatDuration(timeMs)} for ${who}.`;
    findings.push(wrong('warning', 'relays.patience', what, placeToChange(proxy, line).place, change));
  };
  const own = effective(relays, 'timeout', 'server');
  check('a relay that is silent', relays, own, `write "timeout server 1h" in backend ${relays.name}`);
  for (const frontend of frontends) {
    const set = effective(frontend, 'http-request', 'set-timeout', 'client');
    const line = set ?? effective(frontend, 'timeout', 'client');
    const change = `write "timeout client 1h" in frontend ${frontend.name}, or from HAProxy 3.0 on "http-request set-timeout client 1h" for the streams of relays`;
    check('a viewer of a relay who reads nothing', frontend, line, change);
  }
  return findings.length > 0 ? findings : [right('relays.patience', 'HAProxy leaves it to relays how long to wait.')];
}

function checkHealth(relays: Proxy): Finding {
  const unchecked = serversOf(relays).find((server) => !isChecked(server));
  if (unchecked !== undefined) {
    return wrong('error', 'relays.checks', `${unchecked.name} has no check.`, unchecked, 'add "check" to it');
  }
  if (effectiveOption(relays, 'httpchk') !== undefined)
    return right('relays.checks', 'HAProxy asks relays how they are.');
  const what = `The checks of ${relays.name} do not ask the relays.`;
  return wrong('warning', 'relays.checks', what, relays, 'add "option httpchk GET /healthz"');
}
