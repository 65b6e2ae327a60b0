import { setTimeout as pause } from 'node:timers/promises';
import { pageUrl, relayedUrl, viewersUrl } from './addresses';
import { createEventList, type EventList } from './event-list';
import { createPageServer } from './page-server';
import { createRunningLine, type LineOutput } from './running-line';
import { type Change, demoStreams, playRounds } from './schedule';
import { type Stage, type StageOptions, startStage } from './stage';
import { type RelayStatus, type StatusFacts, statusOf } from './status';

export interface RunDemoOptions extends Omit<StageOptions, 'hasPage'> {
  readonly output: LineOutput;
}

const statusEveryMs = 1000;
/** How often the relay's provider is cut. */
const cutEveryMs = 20_000;

/**
 * Starts everything, says where, and goes on until `ending` has a reason. Rejects with that reason, when nothing is left running.
 *
 * @throws DemoError when something is missing or in use, or when a program dies.
 */
export async function runDemo(options: RunDemoOptions): Promise<never> {
  const { output, ending } = options;
  output.write('mtxpilot demo: starting servers, publishers, HAProxy and the agent\n');
  const stage = await startStage({ ...options, hasPage: true });
  const events = createEventList();
  let cuts = 0;
  let status = statusOf(await factsOf(stage, events, cuts), Date.now());
  const stopping = new AbortController();
  const running: Promise<unknown>[] = [];
  const line = createRunningLine(output);
  try {
    const page = await createPageServer({
      address: stage.addresses.page,
      viewersAddress: stage.addresses.viewers,
      status: () => status,
    });
    const keepLooking = async (): Promise<void> => {
      while (!stopping.signal.aborted) {
        status = statusOf(await factsOf(stage, events, cuts, status), Date.now());
        page.push();
        line.show(status);
        // Rejects when the signal comes.
        await pause(statusEveryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
      await page.stop();
    };
    const keepCutting = async (): Promise<void> => {
      while (await isTime(cutEveryMs, stopping.signal)) {
        if (stage.relayed.provider.cut() === 0) continue;
        cuts++;
        events.add('relayed', 'lost the connection to its provider');
      }
    };
    output.write(introduction(stage));
    running.push(
      keepLooking().catch(ending.because),
      keepCutting().catch(ending.because),
      playRounds(stage.fleet, stopping.signal, (change) => events.add(change.stream, inWords(change, stage))).catch(
        ending.because,
      ),
    );
    return await ending.reason;
  } finally {
    stopping.abort();
    line.end();
    await Promise.all(running);
    await stage.stop();
  }
}

/** Resolves with true after that time, with false when the signal comes before. */
function isTime(ms: number, signal: AbortSignal): Promise<boolean> {
  return pause(ms, true, { signal }).catch(() => false);
}

const none: Pick<StatusFacts, 'figures' | 'relay'> = {
  figures: { decisions: { located: 0, placed: 0, unknown: 0 }, apiCalls: 0 },
  relay: {
    source: null,
    failovers: 0,
    gapsMs: [],
    cuts: 0,
    requests: 0,
    failed: 0,
    bytes: 0,
    errors: 0,
    lastError: undefined,
  },
};

/** What all parts know now; figures that cannot be read stay as they were. */
async function factsOf(stage: Stage, events: EventList, cuts: number, before = none): Promise<StatusFacts> {
  const { addresses, holders, fleet, proxy, agent, relayed } = stage;
  const [sessions, figures = before.figures, ofRelay = before.relay] = await Promise.all([
    proxy.sessions(),
    agent.figures(),
    relayed.relay.figures(),
  ]);
  const relay: RelayStatus = { ...ofRelay, ...relayed.watcher.figures(), cuts };
  return {
    addresses,
    fleet: fleet.description,
    streams: demoStreams,
    holders,
    sessions,
    figures,
    relay,
    events: events.newest(),
  };
}

/** What happened, as it reads behind the stream's name. */
function inWords(change: Change, { holders }: Stage): string {
  if (change.act === 'move') return `moved from ${change.from} to ${change.to}`;
  const others = holders.holders(change.stream).filter((server) => server !== change.server);
  if (change.act === 'publish') {
    return others.length > 0
      ? `is on ${change.server} too; new viewers follow the newest publisher`
      : `is back, on ${change.server}`;
  }
  return others.length > 0 ? `left ${change.server}, is on ${others.join(', ')}` : `left ${change.server}`;
}

function introduction({ addresses, fleet, proxy, agent, relayed }: Stage): string {
  const rows: readonly (readonly [string, string])[] = [
    ['open', `${viewersUrl(addresses)}  (HAProxy sends you to the page, ${pageUrl(addresses)})`],
    ['HAProxy', `${addresses.viewers}, version ${proxy.version}, haproxy/haproxy.cfg, pid ${proxy.child.pid}`],
    ['agent', `SPOE ${addresses.spoe}, HTTP ${addresses.http}, pid ${agent.child.pid}`],
    ...addresses.servers.map(({ name, hls, api }) => [name, `HLS ${hls}, Control API ${api}`] as const),
    ['servers', fleet.description],
    [
      'relay',
      `${addresses.relay}, pid ${relayed.relay.child.pid}; its provider ${addresses.provider} is cut every ${cutEveryMs / 1000} s`,
    ],
    ['play', `${relayedUrl(addresses, relayed.relay.streamId)}  (MPEG-TS, with VLC or mpv)`],
    ['look', `curl ${agent.url}/v1/streams`],
    ['', `echo "show table sessions" | socat ${proxy.socket} -`],
    ['end', 'Ctrl-C'],
  ];
  return `\n${rows.map(([name, text]) => `  ${name.padEnd(8)} ${text}\n`).join('')}\n`;
}
