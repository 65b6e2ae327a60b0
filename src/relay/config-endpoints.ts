import type * as z from 'zod/mini';
import { type HlsSettingName, hlsRanges, hlsSettingNames, type Settings } from '../config';
import { type Endpoint, endpoint, type Refused, refused } from './endpoint';
import {
  type HlsChangeResult,
  type HlsChanges,
  type HlsSettings,
  hlsValueNames,
  usersName,
  usersValue,
} from './hls-settings';
import { allReset, readChanges } from './read-changes';
import * as schemas from './schemas';

export interface ConfigEndpointsOptions {
  readonly settings: Pick<Settings['relay'], 'timeouts'>;
  readonly hls: HlsSettings;
}

/** The settings that may change while the relay runs: under `/v1/config`, and under `/proxy/config` as scripts for acestream-orchestrator know them. */
export function configEndpoints({ settings, hls }: ConfigEndpointsOptions): readonly Endpoint[] {
  /** What those scripts read beside the settings of HLS, in seconds. */
  const others = {
    connection_timeout: settings.timeouts.connect / 1000,
    initial_data_wait_timeout: settings.timeouts.headers / 1000,
    stream_timeout: settings.timeouts.stall / 1000,
  };

  const inForce = () => ({ body: configView(hls), headers: tagHeader(hls) });
  const flat = () => {
    const { values } = hls.state();
    return { ...(usersValues(values) as z.output<typeof schemas.ProxyConfig>), ...others };
  };

  async function change(
    changes: HlsChanges,
    ifMatch: string | undefined,
    problems: readonly string[] = [],
  ): Promise<Refused | undefined> {
    if (problems.length > 0) return refused('BadSettings', problems.join(' '));
    const result = await hls.change(changes, ifMatch === undefined ? undefined : (tag) => isListed(tag, ifMatch));
    return result.ok ? undefined : refused(problemOf[result.problem], result.detail);
  }

  return [
    endpoint({
      method: 'get',
      path: '/v1/config',
      operationId: 'config',
      isTagged: true,
      summary: 'The settings that may change while the relay runs, with ranges and defaults',
      answer: schemas.RelayConfig,
      handle: inForce,
    }),
    endpoint({
      method: 'post',
      path: '/v1/config',
      operationId: 'changeConfig',
      isTagged: true,
      summary: 'Change some of these settings, all or none',
      description:
        'In a body of JSON, or else in the query. They are stored, and in force at once: each says in the configuration reference when a running channel follows. `null` makes one what is configured.',
      mayLackBody: true,
      query: schemas.configQuery,
      body: schemas.configBody,
      answer: schemas.RelayConfig,
      problems,
      async handle({ query, body, req }) {
        const read = readChanges(body, query);
        const unknown = read.others.map(([name]) => `"${name}" is no setting.`);
        const refusal = await change(read.changes, req.headers['if-match'], [...read.problems, ...unknown]);
        return refusal ?? inForce();
      },
    }),
    endpoint({
      method: 'delete',
      path: '/v1/config',
      operationId: 'resetConfig',
      isTagged: true,
      summary: 'Make all of these settings what is configured',
      answer: schemas.RelayConfig,
      problems: ['SettingsContended', 'SettingsChanged', 'NotKept'],
      handle: async ({ req }) => (await change(allReset, req.headers['if-match'])) ?? inForce(),
    }),
    endpoint({
      method: 'get',
      path: '/proxy/config',
      operationId: 'proxyConfig',
      isTagged: true,
      isOpen: true,
      summary: 'These settings as acestream-orchestrator has them',
      answer: schemas.ProxyConfig,
      handle: () => ({ body: flat(), headers: tagHeader(hls) }),
    }),
    endpoint({
      method: 'post',
      path: '/proxy/config',
      operationId: 'changeProxyConfig',
      isTagged: true,
      summary: 'Change some of them, as acestream-orchestrator does',
      description:
        'In the query, or in a body of JSON. What is not known here is left out and named in `message`; what only the configuration sets must be as it is.',
      mayLackBody: true,
      query: schemas.configQuery,
      body: schemas.configBody,
      answer: schemas.ProxyConfigChanged,
      problems,
      async handle({ query, body, req }) {
        const read = readChanges(body, query);
        const known = new Map(Object.entries(others));
        const fixed = read.others.filter(([name, given]) => known.has(name) && Number(given) !== known.get(name));
        const elsewhere = fixed.map(([name]) => `${name} can be changed in the configuration only.`);
        const refusal = await change(read.changes, req.headers['if-match'], [...read.problems, ...elsewhere]);
        if (refusal !== undefined) return refusal;
        const ignored = read.others.map(([name]) => name).filter((name) => !known.has(name));
        const leftOut = ignored.length === 0 ? '' : `; not known here: ${ignored.join(', ')}`;
        return { body: { message: `Configuration updated${leftOut}`, ...flat() }, headers: tagHeader(hls) };
      },
    }),
  ];
}

const problems = ['BadSettings', 'SettingsContended', 'SettingsChanged', 'NotKept'] as const;
const problemOf = {
  wrong: 'BadSettings',
  unexpected: 'SettingsChanged',
  contended: 'SettingsContended',
  'not-stored': 'NotKept',
} as const satisfies Readonly<Record<Extract<HlsChangeResult, { readonly ok: false }>['problem'], string>>;

function usersValues(values: ReturnType<HlsSettings['current']>): Readonly<Record<string, number | string>> {
  return Object.fromEntries(hlsValueNames.map((name) => [usersName(name), usersValue(values, name)]));
}

function configView(hls: HlsSettings) {
  const { values, configured, changed, tag, isDurable, failure } = hls.state();
  const setting = (name: HlsSettingName) => {
    const { unit, least, most, standard } = hlsRanges[name];
    return {
      name: usersName(name),
      value: Number(usersValue(values, name)),
      least,
      most,
      unit,
      isWhole: unit === 'segments',
      standard,
      configured: Number(usersValue(configured, name)),
      isChanged: changed.includes(name),
      mostOf: limitOf(name),
    };
  };
  return {
    tag,
    streamMode: values.streamMode,
    settings: hlsSettingNames.map(setting),
    configuredStreamMode: configured.streamMode,
    isDurable,
    failure: failure ?? null,
  };
}

function limitOf(name: HlsSettingName): string | null {
  const range = hlsRanges[name];
  return 'mostOf' in range ? usersName(range.mostOf) : null;
}

function tagHeader(hls: HlsSettings): readonly string[] {
  return ['etag', `"${hls.state().tag}"`];
}

/** Whether an `If-Match` has the tag (RFC 9110, section 13.1.1: weak ones never match). */
function isListed(tag: string, ifMatch: string): boolean {
  const listed = ifMatch.split(',').map((one) => one.trim());
  return listed.includes('*') || listed.includes(`"${tag}"`);
}
