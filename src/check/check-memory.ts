import { formatDuration } from '../wire';
import { type ConfigContext, masterRequest, type Rule } from './config-context';
import { type Finding, right, wrong } from './finding';
import { parseHaproxySize, parseHaproxyTime } from './haproxy-time';
import { type ConfigLine, linesOf, valueAfter } from './parse-config';
import { acts } from './rule-condition';

/** What HAProxy remembers without the agent: viewers and streams, learned from success only, in tables that hold them. */
export function checkMemory(context: ConfigContext): Finding[] {
  const { rules, backend } = context;
  const sticks = rules.filter(({ words }) => words[0] === 'stick');
  const stores = sticks.filter(({ words }) => words[1] === 'store-response');
  const matches = sticks.filter(({ words }) => words[1] === 'match' || words[1] === 'on');
  if (stores.length === 0 || matches.length === 0) {
    const missing = stores.length === 0 ? 'store-response' : 'match';
    const what = `Backend ${backend.name} has no "stick ${missing}" rule.`;
    const change =
      missing === 'match'
        ? 'add "stick match var(txn.viewer) table sessions if !master"'
        : 'add "stick store-response var(txn.viewer) table sessions if { status 200 206 }"';
    return [wrong('error', 'stick.memory', what, backend, change)];
  }
  const tables = new Map(stores.map((rule) => [tableOf(rule, backend.name), rule] as const));
  return [
    right('stick.memory', 'HAProxy remembers which server a viewer is on.'),
    ...checkSuccess(context, stores, sticks),
    ...[...tables].flatMap(([table, rule]) => checkTable(context, table, rule)),
  ];
}

function tableOf({ words }: Rule, own: string): string {
  return valueAfter(words, 'table') ?? own;
}

/** Answers that do not show that the server has the stream. */
const failures = [302, 301, 401, 404, 500, 503];

function checkSuccess(context: ConfigContext, stores: readonly Rule[], sticks: readonly Rule[]): Finding[] {
  const request = masterRequest(context, 1);
  const situations = [request, { ...request, path: '/live/a/seg7.ts' }];
  const findings: Finding[] = [];
  for (const rule of stores) {
    const learned = failures.filter((status) =>
      situations.some((situation) => acts(rule.words, rule.acls, { ...situation, status }) !== false),
    );
    if (learned.length === 0) continue;
    const what = `The table ${tableOf(rule, context.backend.name)} learns from answers with status ${learned.join(', ')} too.`;
    findings.push(wrong('error', 'stick.success', what, rule, 'add the condition "{ status 200 206 }"'));
  }
  for (const rule of sticks.filter(({ words }) => words[1] === 'on' || words[1] === 'store-request')) {
    const table = tableOf(rule, context.backend.name);
    const what = `The table ${table} learns the server before it has answered.`;
    const change = `use "stick match" and "stick store-response … table ${table} if { status 200 206 }"`;
    findings.push(wrong('error', 'stick.success', what, rule, change));
  }
  return findings.length > 0 ? findings : [right('stick.success', 'The tables learn from success only.')];
}

/** Longest name of a stream, a bar, and the longest session that haproxy.cfg lets through. */
const longest = { stream: 200, viewer: 200 + 1 + 64 };
/** HAProxy's own default for `type string`. */
const standardLength = 32;

function checkTable(context: ConfigContext, name: string, rule: Rule): Finding[] {
  const { proxies, config, expected } = context;
  const owner = proxies.find((proxy) => proxy.name === name && proxy.kind !== 'frontend');
  const table = owner?.lines.findLast(({ words }) => words[0] === 'stick-table');
  if (owner === undefined || table === undefined) {
    // `table peers-section/name` stands in a peers section.
    const inPeers = linesOf(config, 'peers').find(
      ({ words }) => words[0] === 'table' && name.endsWith(`/${words[1] ?? ''}`),
    );
    if (inPeers !== undefined) return checkShape(name, inPeers, rule, expected.viewerGoneAfterMs);
    const what = `There is no table ${name}.`;
    const change = `add "backend ${name}" with a "stick-table" line`;
    return [wrong('error', 'stick.memory', what, rule, change)];
  }
  return [...checkShape(name, table, rule, expected.viewerGoneAfterMs), checkPeersOf(context, name, table)];
}

function isAboutViewers({ words }: Rule): boolean {
  return words.some((word) => word.includes('viewer'));
}

function checkShape(name: string, table: ConfigLine, rule: Rule, goneAfterMs: number): Finding[] {
  const { words } = table;
  const type = valueAfter(words, 'type') ?? '';
  const findings: Finding[] = [];
  if (type === 'string') {
    const length = Number(valueAfter(words, 'len') ?? standardLength);
    const needed = isAboutViewers(rule) ? longest.viewer : longest.stream;
    if (length < needed) {
      const severity = length < needed / 2 ? 'error' : 'warning';
      const what = `The keys of table ${name} hold ${length} characters, and they may have ${needed}.`;
      findings.push(wrong(severity, 'table.key', what, table, `write "len ${needed}"`));
    }
  }
  const size = parseHaproxySize(valueAfter(words, 'size') ?? '');
  if (size !== undefined && size < fewestEntries) {
    const what = `Table ${name} holds ${size} entries.`;
    findings.push(wrong('warning', 'table.size', what, table, 'write "size 100k", or more than you expect at a time'));
  }
  if (words.includes('nopurge')) {
    const what = `Table ${name} takes no new entries when it is full (nopurge).`;
    findings.push(wrong('warning', 'table.size', what, table, 'remove "nopurge"'));
  }
  const expireMs = parseHaproxyTime(valueAfter(words, 'expire') ?? '');
  if (expireMs !== undefined && expireMs <= goneAfterMs && isAboutViewers(rule)) {
    const what = `Table ${name} forgets viewers after ${formatDuration(expireMs)}, before the agent does (viewers.goneAfter ${formatDuration(goneAfterMs)}).`;
    findings.push(wrong('warning', 'table.expire', what, table, 'write "expire 60s", or set viewers.goneAfter'));
  }
  if (expireMs === undefined) {
    const what = `The entries of table ${name} do not expire.`;
    findings.push(
      wrong('warning', 'table.expire', what, table, 'add "expire 60s" (viewers) or "expire 24h" (streams)'),
    );
  }
  return findings.length > 0 ? findings : [right('table.key', `Table ${name} holds every key in full.`)];
}

/** Fewer is a slip: a unit forgotten, say. */
const fewestEntries = 1000;

function checkPeersOf({ config }: ConfigContext, name: string, table: ConfigLine): Finding {
  const peers = valueAfter(table.words, 'peers');
  const section = config.sections.find((one) => one.kind === 'peers' && one.name === peers);
  if (section !== undefined) return right('table.peers', `Table ${name} is passed on at a reload.`);
  const known = config.sections.find(({ kind }) => kind === 'peers')?.name ?? 'mtx';
  const what =
    peers === undefined ? `Table ${name} has no peers.` : `There is no peers section ${peers} for table ${name}.`;
  return wrong('error', 'table.peers', what, table, `write "peers ${known}"`);
}
