import { type ConfigContext, masterRequest, type Rule, variableOf } from './config-context';
import { type Finding, listNames, right, wrong } from './finding';
import { effective, effectiveOption, placeToChange, serversOf } from './proxy';
import { acts, type Situation } from './rule-condition';

/** Does HAProxy do what the agent says, and is what goes wrong healed for master playlists, and for them only? */
export function checkRouting(context: ConfigContext): Finding[] {
  return [
    checkUseServer(context),
    checkBalance(context),
    ...checkBackups(context),
    ...checkWeights(context),
    ...checkRetries(context),
  ];
}

function checkUseServer(context: ConfigContext): Finding {
  const { backend } = context;
  const variable = variableOf(context, 'server');
  const decided = decidedRequest(context, 'located');
  const rules = ownRules(context, 'use-server').filter(
    ({ words }) => words[1]?.includes(`%[var(${variable})`) === true,
  );
  const change = `"use-server %[var(${variable})] if { var(${variable}) -m found }"`;
  if (rules.some(({ words, acls }) => acts(words, acls, decided) !== false)) {
    return right('use-server', "HAProxy goes to the server of the agent's decision.");
  }
  const [rule] = rules;
  return rule === undefined
    ? wrong('error', 'use-server', `Backend ${backend.name} does not use ${variable}.`, backend, `add ${change}`)
    : wrong('error', 'use-server', `The rule does not act when ${variable} is set.`, rule, `change it to ${change}`);
}

function checkBalance({ backend }: ConfigContext): Finding {
  const line = effective(backend, 'balance');
  const algorithm = line?.words[1] ?? 'roundrobin';
  if (algorithm === 'roundrobin' || algorithm === 'static-rr')
    return right('balance', 'Retries reach every server in turn.');
  const { place, verb } = placeToChange(backend, line);
  const change =
    verb === 'write' ? 'write "balance roundrobin"' : `add "balance roundrobin" to backend ${backend.name}`;
  return wrong('warning', 'balance', `Backend ${backend.name} balances by ${algorithm}.`, place, change);
}

function checkBackups({ backend }: ConfigContext): Finding[] {
  const servers = serversOf(backend);
  const backups = servers.filter(({ options }) => options.includes('backup')).map(({ name }) => name);
  if (backups.length === 0) return [];
  if (backups.length === servers.length) {
    const change = 'remove "backup" from those that are meant to work';
    return [wrong('warning', 'servers.backup', `Every server of ${backend.name} is a backup.`, backend, change)];
  }
  const are = backups.length === 1 ? 'is a backup' : 'are backups';
  const what = `${listNames(backups)} ${are}: streams are placed there when no other server is left, and found there when they are live there.`;
  return [right('servers.backup', what)];
}

/** Does HAProxy take the weights that the agent sets (configuration manual, "balance", "hash-type")? */
function checkWeights({ backend, expected }: ConfigContext): Finding[] {
  if (expected.weights !== 'auto') return [];
  const line = effective(backend, 'balance');
  const algorithm = line?.words[1] ?? 'roundrobin';
  const isHash = /^(?:source|uri|url_param|hdr|rdp-cookie|hash)\b/.test(algorithm);
  const isStatic = algorithm === 'static-rr' || (isHash && effective(backend, 'hash-type')?.words[1] !== 'consistent');
  if (!isStatic) return [right('balance.weights', 'HAProxy takes the weights that the agent sets.')];
  const what = `Backend ${backend.name} balances by ${algorithm}, and the agent sets weights (control.weights: auto).`;
  const { place, verb } = placeToChange(backend, line);
  const change = `${verb} "balance roundrobin", or set control.weights: config in mtxpilot.yaml`;
  return [wrong('warning', 'balance.weights', what, place, change)];
}

/** Conditions under which HAProxy may try another server after it has sent the request; connection failures are no matter. */
export const contentConditions =
  /^(?:[45]\d\d|empty-response|response-timeout|junk-response|all-retryable-errors|0rtt-rejected)$/;

/** As many as the shipped file has, for each server: requests share the round robin, so retries meet the same servers again and again. */
function retriesFor(servers: number): number {
  return Math.max(30, servers, Math.min(100, 10 * servers));
}

function checkRetries(context: ConfigContext): Finding[] {
  const { backend } = context;
  const retryOn = effective(backend, 'retry-on');
  const on = retryOn?.words.slice(1) ?? ['conn-failure'];
  const retries = Number(effective(backend, 'retries')?.words[1] ?? 3);
  const servers = serversOf(backend).reduce((sum, { count }) => sum + count, 0);
  const redispatch = effectiveOption(backend, 'redispatch');
  const findings: Finding[] = [];
  const heal = (what: string, place: typeof retryOn, change: string): void => {
    findings.push(wrong('warning', 'retries.heal', what, place ?? backend, change));
  };

  if (!on.includes('404') || retries === 0) {
    const what = `Backend ${backend.name} does not try another server after a 404.`;
    const isRetriesLine = on.includes('404');
    heal(
      what,
      isRetriesLine ? effective(backend, 'retries') : retryOn,
      isRetriesLine ? `write "retries ${retriesFor(servers)}"` : 'write "retry-on conn-failure empty-response 404 500"',
    );
  } else if (retries < servers - 1) {
    const what = `Backend ${backend.name} has ${servers} servers and only ${retries} retries.`;
    heal(what, effective(backend, 'retries'), `write "retries ${retriesFor(servers)}"`);
  }
  if (redispatch?.words[2] !== '1') {
    const what = `Backend ${backend.name} does not go to another server with each retry.`;
    heal(what, redispatch, 'write "option redispatch 1"');
  }
  const located = decidedRequest(context, 'located');
  const off = disablingRules(context).find(({ words, acls }) => acts(words, acls, located) === true);
  if (off !== undefined) {
    const what = 'Master playlists are not tried on another server.';
    heal(what, off, 'write "http-request disable-l7-retry if !{ path_end /index.m3u8 }"');
  }
  if (findings.length === 0)
    findings.push(right('retries.heal', 'A master playlist that reaches the wrong server is tried on the next one.'));
  const endless = ['response-timeout', 'all-retryable-errors'].find((condition) => on.includes(condition));
  if (endless !== undefined && retries > 0) {
    const what = `Backend ${backend.name} tries another server after a time-out (${endless}).`;
    findings.push(
      wrong(
        'warning',
        'retries.time-out',
        what,
        retryOn ?? backend,
        'write "retry-on conn-failure empty-response 404 500"',
      ),
    );
  }
  if (on.some((condition) => contentConditions.test(condition)) && retries > 0)
    findings.push(...checkDisabled(context));
  return findings;
}

function disablingRules({ rules }: ConfigContext): Rule[] {
  return rules.filter(({ words }) => words[0] === 'http-request' && words[1] === 'disable-l7-retry');
}

function checkDisabled(context: ConfigContext): Finding[] {
  const { backend } = context;
  const rules = disablingRules(context);
  const isDisabled = (situation: Situation): boolean =>
    rules.some(({ words, acls }) => acts(words, acls, situation) === true);
  const located = decidedRequest(context, 'located');
  const children = ['/live/a/video1_stream.m3u8', '/live/a/1f_video1_seg7.mp4', '/live/a/seg7.ts'];
  const retried = children.filter((path) => !isDisabled({ ...located, path }));
  const [rule] = rules;
  const findings = [
    retried.length === 0
      ? right('retries.masters', 'Only master playlists are tried on another server.')
      : wrong(
          'error',
          'retries.masters',
          `Segments and media playlists (such as ${retried[0] ?? ''}) are tried on another server.`,
          rule ?? backend,
          'add "http-request disable-l7-retry if !{ path_end /index.m3u8 }"',
        ),
  ];
  const [state, elsewhere] = [variableOf(context, 'state'), variableOf(context, 'elsewhere')];
  findings.push(
    isDisabled(decidedRequest(context, 'placed'))
      ? right('retries.placed', 'A stream that nobody has is not looked for on every server.')
      : wrong(
          'warning',
          'retries.placed',
          'Master playlists of streams that nobody has are tried on every server.',
          backend,
          `add "http-request disable-l7-retry if { var(${state}) -m str placed } !{ var(${elsewhere}) -m found }"`,
        ),
  );
  const isOpen = decidedRequest(context, 'placed');
  const tried = { ...isOpen, variables: { ...isOpen.variables, [elsewhere]: '1' } };
  const off = rules.find(({ words, acls }) => acts(words, acls, tried) === true);
  if (off !== undefined && isDisabled(isOpen) && !isDisabled(located)) {
    const what = 'A stream is not looked for on other servers where the agent could not find out who can start it.';
    findings.push(wrong('warning', 'retries.elsewhere', what, off, `add "!{ var(${elsewhere}) -m found }" to it`));
  }
  return findings;
}

/** A master playlist about which the agent has decided. */
function decidedRequest(context: ConfigContext, state: string): Situation {
  const request = masterRequest(context, 1);
  const decided = { [variableOf(context, 'server')]: 'mtx1', [variableOf(context, 'state')]: state };
  return { ...request, variables: { ...request.variables, ...decided } };
}

/** Rules of the backend itself that begin with a keyword. */
function ownRules({ rules, backend }: ConfigContext, keyword: string): Rule[] {
  return rules.filter(({ words, line, file }) => {
    return words[0] === keyword && backend.lines.some((own) => own.line === line && own.file === file);
  });
}
