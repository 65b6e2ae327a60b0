import { formatDuration } from '../wire';
import {
  type Bridge,
  type ConfigContext,
  isLuaQuestion,
  masterRequest,
  type Rule,
  rulesWithoutGate,
} from './config-context';
import { type Finding, right, wrong } from './finding';
import { parseHaproxyTime } from './haproxy-time';
import type { ConfigLine } from './parse-config';
import { acts } from './rule-condition';

/** Is the agent asked for master playlists, with what it needs, and does HAProxy wait long enough for its answer? */
export function checkBridge(context: ConfigContext): Finding[] {
  const { bridge, backend } = context;
  if (bridge === undefined) {
    const what = `Neither backend ${backend.name} nor a frontend of it has the agent's SPOE filter or the Lua bridge${others(context)}.`;
    const change =
      'add "filter spoe engine mtx config spoe.cfg" and "http-request send-spoe-group mtx route if master agent_up"';
    return [wrong('error', 'bridge.present', what, backend, change)];
  }
  const present = right('bridge.present', `The agent is asked over ${bridge.kind === 'spoe' ? 'SPOE' : 'Lua'}.`);
  return bridge.kind === 'spoe'
    ? [present, ...checkSpoe(context, bridge)]
    : [
        present,
        ...checkQuestions(context, bridge),
        checkLuaDeadline(context, bridge),
        ...checkVariables(context, bridge),
      ];
}

/** Why what looks like a filter is none of the agent's. */
function others({ otherFilters }: ConfigContext): string {
  if (otherFilters.length === 0) return '';
  const named = otherFilters.map(({ engine, file, problem }) =>
    problem === undefined
      ? `the filter "${engine}" asks another program`
      : `which program the filter "${engine}" asks is not known (${file ?? ''} cannot be read: ${problem})`,
  );
  return `; ${named.join(', ')}`;
}

function checkSpoe(context: ConfigContext, bridge: Bridge): Finding[] {
  const { spoe, agentSection, place, engine } = bridge;
  if (spoe === undefined || spoe.problem !== undefined) {
    const what = `The SPOE configuration ${spoe?.file ?? ''} cannot be read: ${spoe?.problem ?? 'the filter names none'}.`;
    return [wrong('error', 'bridge.config', what, place, 'name the file of the agent, such as "config spoe.cfg"')];
  }
  if (agentSection === undefined) {
    const what = `${spoe.file} has no spoe-agent for the engine "${engine ?? ''}".`;
    const change = `put "[${engine ?? ''}]" above the "spoe-agent" section of ${spoe.file}`;
    return [wrong('error', 'bridge.config', what, place, change)];
  }
  return [
    ...checkQuestions(context, bridge),
    ...checkArguments(context, bridge),
    checkProcessing(context, bridge),
    ...checkVariables(context, bridge),
  ];
}

/** The rules that put the question. */
export function questionsOf({ rules }: ConfigContext, bridge: Bridge): Rule[] {
  return rules.filter(({ words }) =>
    bridge.kind === 'lua'
      ? isLuaQuestion(words)
      : words[0] === 'http-request' && words[1] === 'send-spoe-group' && words[2] === bridge.engine,
  );
}

/** Messages that are sent by an event, without a rule. */
function eventsOf(bridge: Bridge): ConfigLine[] {
  return bridge.spoe?.sections.flatMap(({ lines }) => lines.filter(({ words }) => words[0] === 'event')) ?? [];
}

function checkQuestions(context: ConfigContext, bridge: Bridge): Finding[] {
  const questions = questionsOf(context, bridge);
  const events = eventsOf(bridge).filter(({ words }) => /^on-(?:frontend|backend)-http-request$/.test(words[1] ?? ''));
  const asked = masterRequest(context, 1);
  const reaches = questions.some(({ words, acls }) => acts(words, acls, asked) !== false) || events.length > 0;
  const rule =
    bridge.kind === 'lua'
      ? 'http-request lua.mtxpilot if !decided master agent_up'
      : `http-request send-spoe-group ${bridge.engine ?? 'mtx'} ${groupsOf(bridge)[0] ?? 'route'} if !decided master agent_up`;
  if (!reaches) {
    const [first] = questions;
    const what =
      first === undefined
        ? 'The agent is never asked: no rule sends the question.'
        : 'No rule sends the question for a request that ends in /index.m3u8.';
    const change = first === undefined ? `add "${rule}"` : `change it to "${rule}"`;
    return [wrong('error', 'bridge.masters', what, first ?? bridge.place, change)];
  }
  return [
    right('bridge.masters', 'HAProxy asks about master playlists.'),
    ...checkGate(context, bridge, questions, events),
  ];
}

function checkGate(
  context: ConfigContext,
  bridge: Bridge,
  questions: readonly Rule[],
  events: readonly ConfigLine[],
): Finding[] {
  const open = [...rulesWithoutGate(context, questions), ...events];
  const gate = `nbsrv(${bridge.agentBackend}) gt 0`;
  return open.length === 0
    ? [right('agent.gate', 'The agent is asked only while its check passes.')]
    : open.map((line) =>
        wrong(
          'warning',
          'agent.gate',
          'The agent is asked whether or not its check passes.',
          line,
          line.words[0] === 'event'
            ? `remove the event and use "http-request send-spoe-group ${bridge.engine ?? ''} ${groupsOf(bridge)[0] ?? 'route'} if { ${gate} }"`
            : `add the condition "{ ${gate} }"`,
        ),
      );
}

function groupsOf({ spoe }: Bridge): string[] {
  return spoe?.sections.filter(({ kind }) => kind === 'spoe-group').map(({ name }) => name) ?? [];
}

/** The agent reads `stream` and `session`; both must come from something that is set. */
function checkArguments({ rules }: ConfigContext, bridge: Bridge): Finding[] {
  const messages = bridge.spoe?.sections.filter(({ kind }) => kind === 'spoe-message') ?? [];
  const lines = messages.flatMap((message) => message.lines.filter(({ words }) => words[0] === 'args'));
  const [args] = lines;
  const change = 'write "args stream=var(txn.stream) session=var(txn.session)"';
  const given = new Map(
    lines.flatMap(({ words }) => words.slice(1)).map((word) => [word.slice(0, word.indexOf('=')), word] as const),
  );
  const missing = ['stream', 'session'].filter((name) => !given.has(name));
  if (missing.length > 0) {
    const what = `The question does not name ${missing.map((name) => `"${name}"`).join(' and ')}.`;
    const place = args ?? messages[0] ?? bridge.agentSection;
    return [wrong('error', 'bridge.arguments', what, place, change)];
  }
  const unset = ['stream', 'session'].flatMap((name) => {
    const variable = /=var\(([^(),]+)\)/.exec(given.get(name) ?? '')?.[1];
    return variable === undefined || isSet(rules, variable) ? [] : [variable];
  });
  if (unset.length > 0) {
    const what = `The question takes ${unset.join(' and ')}, which no rule sets.`;
    return [wrong('error', 'bridge.arguments', what, args, change)];
  }
  return [right('bridge.arguments', 'The question names stream and session.')];
}

function checkVariables({ rules, backend }: ConfigContext, bridge: Bridge): Finding[] {
  if (bridge.kind === 'spoe') return [];
  const unset = ['txn.stream', 'txn.session'].filter((variable) => !isSet(rules, variable));
  if (unset.length === 0) return [right('bridge.arguments', 'The question names stream and session.')];
  const what = `The Lua bridge takes ${unset.join(' and ')}, which no rule sets.`;
  const change = 'add "http-request set-var(txn.stream) path,regsub(/[^/]*$,),regsub(^/,)" to the frontend';
  return [wrong('error', 'bridge.arguments', what, backend, change)];
}

function isSet(rules: readonly Rule[], variable: string): boolean {
  return rules.some(
    ({ words }) =>
      words[0] === 'http-request' && /^set-var(?:-fmt)?\(/.test(words[1] ?? '') && words[1]?.includes(`(${variable})`),
  );
}

/** How long HAProxy waits for an answer of the agent; undefined where that is not known. */
export function agentWaitMs({ bridge, config }: ConfigContext): number | undefined {
  if (bridge === undefined) return undefined;
  return parseHaproxyTime(
    (bridge.kind === 'spoe' ? processingLine(bridge)?.words[2] : luaDeadline(config.environment)) ?? '',
  );
}

function processingLine({ agentSection }: Bridge): ConfigLine | undefined {
  return agentSection?.lines.findLast(({ words }) => words[0] === 'timeout' && words[1] === 'processing');
}

function luaDeadline(environment: ReadonlyMap<string, string>): string {
  return environment.get('MTX_DEADLINE') ?? '100ms';
}

function checkProcessing({ expected }: ConfigContext, bridge: Bridge): Finding {
  const { agentSection, spoe } = bridge;
  const line = processingLine(bridge);
  const processingMs = parseHaproxyTime(line?.words[2] ?? '');
  const wanted = `"timeout processing ${formatDuration(recommended(expected.lookupDeadlineMs))}"`;
  if (line === undefined || processingMs === undefined) {
    const what = `${spoe?.file ?? 'The SPOE configuration'} has no "timeout processing".`;
    return wrong('warning', 'bridge.deadline', what, line ?? agentSection, `write ${wanted}`);
  }
  return compareDeadline(expected.lookupDeadlineMs, processingMs, line, `write ${wanted}`);
}

function checkLuaDeadline({ expected, config }: ConfigContext, { place }: Bridge): Finding {
  const given = luaDeadline(config.environment);
  const wanted = `set MTX_DEADLINE=${formatDuration(recommended(expected.lookupDeadlineMs))} for HAProxy`;
  const deadlineMs = parseHaproxyTime(given);
  if (deadlineMs !== undefined) return compareDeadline(expected.lookupDeadlineMs, deadlineMs, place, wanted);
  return wrong('error', 'bridge.deadline', `MTX_DEADLINE is "${given}", which is not a duration.`, place, wanted);
}

function compareDeadline(
  lookupMs: number,
  waitMs: number,
  place: ConfigLine | Bridge['place'],
  change: string,
): Finding {
  const [lookup, wait] = [formatDuration(lookupMs), formatDuration(waitMs)];
  return waitMs > lookupMs
    ? right('bridge.deadline', `HAProxy waits ${wait} for the agent, whose lookups take ${lookup} at most.`)
    : wrong(
        'warning',
        'bridge.deadline',
        `HAProxy waits ${wait} for the agent, whose lookups may take ${lookup} (lookup.deadline).`,
        place,
        `${change}, or set a shorter lookup.deadline in mtxpilot.yaml`,
      );
}

/** A quarter more than the agent may take. */
function recommended(lookupMs: number): number {
  return Math.ceil((lookupMs * 1.25) / 10) * 10;
}
