import { type ConfigContext, masterRequest, type Rule, rulesWithoutGate, variableOf } from './config-context';
import { type Finding, right, wrong } from './finding';
import { acts } from './rule-condition';

/** Is the agent's map read, while the agent is alive, and is it the map that the agent fills? */
export function checkRoutesMap(context: ConfigContext): Finding[] {
  const { backend, expected, rules, agentBackend } = context;
  const variable = variableOf(context, 'server');
  const lookups = rules.filter(
    ({ words }) =>
      words[0] === 'http-request' && words[1] === `set-var(${variable})` && mapFileOf(words[2]) !== undefined,
  );
  const gate = `nbsrv(${agentBackend}) gt 0`;
  const map = expected.map ?? 'routes.map';
  const change = `"http-request set-var(${variable}) var(txn.stream),map_str(${map}) if master { ${gate} }"`;
  const master = masterRequest(context, 1);
  const reached = lookups.filter(({ words, acls }) => acts(words, acls, master) !== false);
  const [first] = reached;
  if (first === undefined) {
    if (expected.map === null) return [right('routes.map', 'The map is not used (haproxy.map is off).')];
    const what = 'Master playlists are not looked up in the map that the agent fills.';
    const [other] = lookups;
    const verb = other === undefined ? 'add' : 'change it to';
    return [wrong('warning', 'routes.map', what, other ?? backend, `${verb} ${change}`)];
  }
  return [...checkFile(context, first), ...checkGate(context, lookups, gate)];
}

/** The file of a `map…()` converter. */
function mapFileOf(expression: string | undefined): string | undefined {
  return /\bmap(?:_[a-z]+)*\(([^(),]+)/.exec(expression ?? '')?.[1];
}

function checkFile({ expected, resolve, exists }: ConfigContext, rule: Rule): Finding[] {
  const file = mapFileOf(rule.words[2]) ?? '';
  const findings: Finding[] = [];
  if (expected.map !== null && file !== expected.map && resolve(file) !== resolve(expected.map)) {
    const what = `HAProxy reads the map ${file}, and the agent fills ${expected.map} (haproxy.map).`;
    findings.push(wrong('error', 'routes.map', what, rule, `write "map_str(${expected.map})", or set haproxy.map`));
  }
  // From HAProxy 2.9 on, `virt@` names no file and `opt@` one that may be missing.
  if (!/^(?:virt|opt)@/.test(file) && !exists(file)) {
    const what = `The file ${resolve(file)} does not exist, so HAProxy does not start.`;
    findings.push(wrong('error', 'routes.map', what, rule, `create it: touch ${resolve(file)}`));
  }
  return findings.length > 0 ? findings : [right('routes.map', `Master playlists are looked up in ${file} first.`)];
}

function checkGate(context: ConfigContext, lookups: readonly Rule[], gate: string): Finding[] {
  const open = rulesWithoutGate(context, lookups);
  if (open.length === 0) return [right('routes.gate', 'The map counts only while the agent is alive.')];
  const what = 'The map is read whether or not the agent is alive.';
  return open.map((rule) => wrong('error', 'routes.gate', what, rule, `add the condition "{ ${gate} }"`));
}
