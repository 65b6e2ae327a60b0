import type { RequestHandler } from 'express';
import { isRelayStreamId } from '../directory';
import { readBody, respondJson, respondProblem } from '../http';
import type { RelayViews } from '../relays';
import { configBody, plainBody } from './bodies';
import type { ChangeGate } from './change-gate';
import { readQuery, relayPage } from './parameters';
import type { Answer } from './schemas';

export interface RelayRoutesOptions {
  /** Undefined where no relay can be asked. */
  readonly relays: RelayViews | undefined;
  readonly gate: ChangeGate;
}

/** The handlers of what relays are doing. */
export interface RelayRoutes {
  readonly streams: RequestHandler;
  readonly stream: RequestHandler;
  readonly accounts: RequestHandler;
  readonly failover: RequestHandler[];
  readonly configs: RequestHandler;
  readonly configure: RequestHandler[];
}

const noStream = 'No relay has a stream of this id; /v1/relay/streams lists those that there are.';

/** What a relay says of a change that it does not make. */
const ofStatus: ReadonlyMap<number, 'BadSettings' | 'SettingsChanged'> = new Map([
  [400, 'BadSettings'],
  [412, 'SettingsChanged'],
]);

/** Makes the handlers of one HTTP server. */
export function createRelayRoutes({ relays, gate }: RelayRoutesOptions): RelayRoutes {
  const nothing = { streams: [], total: 0, relays: [] };
  return {
    async streams(req, res) {
      const page = readQuery(req, res, relayPage);
      if (page === undefined) return;
      const { streams, ...rest } = (await relays?.streams(page.match)) ?? nothing;
      respondJson(res, 200, { ...rest, streams: streams.slice(0, page.limit) } satisfies Answer<'RelayStreamList'>);
    },
    async stream(req, res) {
      const id = String(req.params['id']);
      const stream = isRelayStreamId(id) ? await relays?.stream(id) : undefined;
      if (stream === undefined) respondProblem(res, 'NoSuchStream', { detail: noStream, given: id });
      else respondJson(res, 200, stream satisfies Answer<'RelayStream'>);
    },
    async accounts(_req, res) {
      const { relays: states } = (await relays?.streams('')) ?? nothing;
      respondJson(res, 200, { relays: states } satisfies Answer<'RelayAccountList'>);
    },
    failover: gate.guard('failover', async (req, res) => {
      const id = String(req.params['id']);
      const body = readBody(res, req.body, plainBody);
      if (body === undefined) return;
      const order = gate.order(req, 'failover', id, body);
      const refuse = (name: 'NoSuchStream' | 'NotFailedOver', detail: string): void => {
        gate.audit.note(order, { name, detail });
        respondProblem(res, name, { detail, given: id });
      };
      const done = isRelayStreamId(id) ? await relays?.failover(id) : undefined;
      if (done === undefined) {
        refuse('NoSuchStream', noStream);
        return;
      }
      const problems = done.relays.filter(({ problem }) => problem !== null);
      if (done.moved === 0 && problems.length > 0) {
        refuse('NotFailedOver', problems.map(({ name, problem }) => `${name}: ${problem ?? ''}`).join(' '));
        return;
      }
      gate.audit.note(order, undefined);
      respondJson(res, 200, done satisfies Answer<'RelayFailoverDone'>);
    }),
    async configs(_req, res) {
      const configs = (await relays?.configs()) ?? { relays: [] };
      respondJson(res, 200, configs satisfies Answer<'RelayConfigList'>);
    },
    configure: gate.guard('configure', async (req, res) => {
      const name = String(req.params['name']);
      const body = readBody(res, req.body, configBody);
      if (body === undefined) return;
      const { tag, settings, ...by } = body;
      const order = gate.order(req, 'configure', name, { ...by, settings });
      const asked = await relays?.changeConfig(name, settings, tag ?? undefined);
      if (asked?.value !== undefined) {
        gate.audit.note(order, undefined);
        respondJson(res, 200, asked.value satisfies Answer<'RelayConfig'>);
        return;
      }
      const [problem, detail] =
        asked === undefined
          ? (['NoSuchServer', 'There is no relay of this name; /v1/relay/config lists those that there are.'] as const)
          : ([ofStatus.get(asked.status ?? 0) ?? 'NotConfigured', asked.problem] as const);
      gate.audit.note(order, { name: problem, detail });
      respondProblem(res, problem, { detail, given: name });
    }),
  };
}
