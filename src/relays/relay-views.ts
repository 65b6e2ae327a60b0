import type { Said } from '../api/schemas';
import {
  type Asked,
  type Config,
  type ConfigChanges,
  createRelayClient,
  type Overview,
  type RelayClient,
  type RelayPlace,
  type Why,
} from './relay-client';

export type { RelayPlace } from './relay-client';

type Failover = Said['RelayStream']['lastFailover'];
type Row = Said['RelayStreamList']['streams'][number];

/** What the relays behind HAProxy are doing, joined. Never rejects: what a relay does not say is told in its place. */
export interface RelayViews {
  /** How many relays there are. */
  readonly count: number;
  /** Streams of all relays whose id or title has the text in it, at most 1000, those that are played first. */
  streams(match: string): Promise<Said['RelayStreamList']>;
  /** Undefined where every relay answers that it has no such stream. */
  stream(id: string): Promise<Said['RelayStream'] | undefined>;
  /** Moves its clients on every relay to their next source; undefined as above. */
  failover(id: string): Promise<Said['RelayFailoverDone'] | undefined>;
  /** What each relay is set to. */
  configs(): Promise<Said['RelayConfigList']>;
  /** Changes settings of one relay, which may refuse; undefined where there is none of that name. */
  changeConfig(relay: string, changes: ConfigChanges, tag: string | undefined): Promise<Asked<Config> | undefined>;
  stop(): Promise<void>;
}

export interface RelayViewsOptions {
  /** The relays as they are now. */
  readonly relays: () => readonly RelayPlace[];
  /** How a relay is asked; a test may have another way. */
  readonly clientOf?: (place: RelayPlace) => RelayClient;
}

const mostRows = 1000;

/** Makes the views of one agent; relays that come and go are followed. */
export function createRelayViews({ relays, clientOf = createRelayClient }: RelayViewsOptions): RelayViews {
  const clients = new Map<string, { readonly place: RelayPlace; readonly client: RelayClient }>();

  /** The clients of the relays that there are; those of others are closed. */
  function current(): readonly { readonly name: string; readonly client: RelayClient }[] {
    const places = relays();
    const names = new Set(places.map(({ name }) => name));
    for (const [name, { client }] of clients) {
      if (names.has(name)) continue;
      clients.delete(name);
      void client.close();
    }
    return places.map((place) => {
      const known = clients.get(place.name);
      if (known !== undefined && isSame(known.place, place)) return { name: place.name, client: known.client };
      void known?.client.close();
      const client = clientOf(place);
      clients.set(place.name, { place, client });
      return { name: place.name, client };
    });
  }

  function askAll<T>(
    question: (client: RelayClient) => Promise<Asked<T>>,
  ): Promise<readonly { readonly name: string; readonly asked: Asked<T> }[]> {
    return Promise.all(current().map(async ({ name, client }) => ({ name, asked: await question(client) })));
  }

  return {
    get count() {
      return relays().length;
    },
    async streams(match) {
      const answers = await askAll((client) => client.overview(match));
      const joined = joinRows(answers);
      return {
        streams: joined.slice(0, mostRows),
        // Relays of one store have the same streams, of which each may tell of others.
        total: Math.max(joined.length, ...answers.map(({ asked }) => asked.value?.total ?? 0)),
        relays: answers.map(({ name, asked }) => ({
          name,
          problem: asked.problem ?? null,
          streams: asked.value?.total ?? null,
          accounts: asked.value?.accounts ?? [],
        })),
      };
    },
    async stream(id) {
      const answers = await askAll((client) => client.why(id));
      if (answers.every(({ asked }) => asked.problem === undefined && asked.value === undefined)) return undefined;
      const whys = answers.map(({ asked }) => asked.value).filter((why) => why !== undefined);
      const sum = (read: (why: Why) => number): number => whys.reduce((total, why) => total + read(why), 0);
      return {
        id,
        title: whys.find(({ title }) => title !== null)?.title ?? null,
        type: whys[0]?.type ?? null,
        clients: sum((why) => why.clients),
        bytes: sum((why) => why.bytes),
        failovers: sum((why) => why.failovers),
        lastFailover: whys.map(({ recentFailovers: [newest] }) => newest ?? null).reduce(later, null),
        relays: answers.map(({ name, asked }) => ({
          name,
          problem: asked.problem ?? null,
          why: asked.value ?? null,
        })),
      };
    },
    async failover(id) {
      const answers = await askAll((client) => client.failover(id));
      if (answers.every(({ asked }) => asked.problem === undefined && asked.value === undefined)) return undefined;
      return {
        id,
        moved: answers.reduce((sum, { asked }) => sum + (asked.value ?? 0), 0),
        relays: answers.map(({ name, asked }) => ({
          name,
          moved: asked.value ?? 0,
          problem: asked.problem ?? null,
        })),
      };
    },
    async configs() {
      const answers = await askAll((client) => client.config());
      return {
        relays: answers.map(({ name, asked }) => ({
          name,
          problem: asked.problem ?? null,
          config: asked.value ?? null,
        })),
      };
    },
    async changeConfig(relay, changes, tag) {
      return current()
        .find(({ name }) => name === relay)
        ?.client.changeConfig(changes, tag);
    },
    async stop() {
      const open = [...clients.values()];
      clients.clear();
      await Promise.all(open.map(({ client }) => client.close()));
    },
  };
}

function isSame(a: RelayPlace, b: RelayPlace): boolean {
  return a.url === b.url && a.username === b.username && a.password === b.password;
}

/** One row a stream, its figures summed: those that are played first, then by title and id. */
function joinRows(answers: readonly { readonly name: string; readonly asked: Asked<Overview> }[]): readonly Row[] {
  const byId = new Map<string, Row>();
  for (const { name, asked } of answers) {
    for (const one of asked.value?.streams ?? []) {
      const playing = one.clients > 0 ? [name] : [];
      const before = byId.get(one.id);
      byId.set(
        one.id,
        before === undefined
          ? { stream: one, relays: playing }
          : { stream: joined(before.stream, one), relays: [...before.relays, ...playing] },
      );
    }
  }
  const nameOf = ({ stream: { title, id } }: Row): string => `${title ?? ''}\n${id}`;
  return [...byId.values()].sort((a, b) => b.stream.clients - a.stream.clients || (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** Of two relays; what can be said of one only is of the one with more clients. */
function joined(a: Row['stream'], b: Row['stream']): Row['stream'] {
  const main = b.clients > a.clients ? b : a;
  const newest = later(a.lastFailover, b.lastFailover);
  return {
    ...main,
    title: a.title ?? b.title,
    clients: a.clients + b.clients,
    bytes: a.bytes + b.bytes,
    errors: a.errors + b.errors,
    failovers: a.failovers + b.failovers,
    failedSources: Math.max(a.failedSources, b.failedSources),
    lastFailover: newest,
    gapsMs: (newest === a.lastFailover ? a : b).gapsMs,
  };
}

function later(a: Failover, b: Failover): Failover {
  if (a === null || b === null) return a ?? b;
  return Date.parse(b.time) > Date.parse(a.time) ? b : a;
}
