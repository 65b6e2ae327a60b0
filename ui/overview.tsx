import type { ComponentChildren } from 'preact';
import type { Now, Sample } from './api';
import { EventRow } from './event-row';
import { counted, formatClock, formatCount, formatRate, formatTook } from './format';
import { Graph } from './graph';
import { Hint } from './hint';
import { Icon } from './icon';
import { StateBadge, summaryOf } from './server-state';
import type { Feed } from './use-feed';

interface TileProps {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  readonly children?: ComponentChildren;
  readonly hint?: ComponentChildren;
}

function Tile({ label, value, unit, children, hint }: TileProps) {
  return (
    <div class="card tile">
      <h3>
        {label}
        {hint}
      </h3>
      <p class="figure">
        {value}
        {unit !== undefined && <small> {unit}</small>}
      </p>
      <p class="muted">{children}</p>
    </div>
  );
}

/** The state of everything at a glance, and the last hour. */
export function Overview({ feed, now }: { readonly feed: Feed; readonly now: Now }) {
  const { latest, hour } = now;
  const { samples, events } = feed;
  return (
    <section aria-labelledby="overview-title">
      <h2 id="overview-title" class="hidden">
        Overview
      </h2>
      <div class="tiles">
        <Tile label="Viewers" value={formatCount(now.viewers)}>
          {now.viewersPeakAt === null
            ? 'Nobody has watched yet'
            : `Peak ${formatCount(now.viewersPeak)}, at ${formatClock(now.viewersPeakAt).slice(0, 5)}`}
        </Tile>
        <Tile label="Streams" value={formatCount(now.streams)}>
          {now.conflicts === 0 ? (
            `live on ${counted(now.servers.length, 'server')}`
          ) : (
            <StateBadge tone="warn" word={`${counted(now.conflicts, 'conflict')}: published twice`} />
          )}
        </Tile>
        <Tile label="Decisions" value={formatRate(latest?.decisions)} unit="a second">
          {decisionText(latest, hour)}
        </Tile>
        <Tile
          label="API calls saved"
          value={savedText(hour?.naiveCalls, hour?.apiCalls)}
          hint={
            <Hint label="What are saved API calls?">
              A router without a memory asks every server's Control API about each request of a viewer, for playlists
              and segments alike: requests × servers. This agent reads one list a second from each server, whatever is
              watched, and HAProxy keeps each viewer where they began. Over the last hour: {formatRate(hour?.apiCalls)}{' '}
              calls a second instead of {formatRate(hour?.naiveCalls)}.
            </Hint>
          }
        >
          {hour === null
            ? 'measuring…'
            : hour.naiveCalls === null
              ? `${formatRate(hour.apiCalls)} calls a second`
              : `${formatRate(hour.apiCalls)} a second instead of ${formatRate(hour.naiveCalls)}`}
        </Tile>
      </div>

      <div class="overview-grid">
        <div class="graphs">
          <Graph
            title="Viewers"
            hint="over all HAProxys"
            samples={samples}
            format={formatCount}
            lines={[{ label: 'viewers', kind: 'first', read: (sample) => sample.viewers }]}
          />
          <Graph
            title="Decisions"
            hint="a second"
            samples={samples}
            format={formatRate}
            lines={[{ label: 'decisions', kind: 'first', read: (sample) => sample.decisions }]}
          />
          <Graph
            title="Time of a decision"
            hint="lookups included"
            samples={samples}
            format={formatTook}
            lines={[
              { label: 'half within', kind: 'first', read: (sample) => sample.p50Ms },
              { label: '99 % within', kind: 'second', read: (sample) => sample.p99Ms },
            ]}
          />
          <Graph
            title="Requests and API calls"
            hint="a second"
            samples={samples}
            format={formatRate}
            lines={[
              { label: 'viewers’ requests', kind: 'first', read: (sample) => sample.requests },
              { label: 'API calls', kind: 'second', read: (sample) => sample.apiCalls },
            ]}
          />
        </div>
        <div class="aside">
          <div class="card flush">
            <div class="card-head">
              <h3>Servers</h3>
              <a href="#/fleet">Fleet</a>
            </div>
            <FleetStrip now={now} />
          </div>
          <div class="card flush">
            <div class="card-head">
              <h3>Just happened</h3>
              <a href="#/events">Events</a>
            </div>
            {events === undefined || events.length === 0 ? (
              <p class="empty small">{events === undefined ? 'Reading events…' : 'Nothing has happened yet.'}</p>
            ) : (
              <ol class="events brief">
                {events.slice(0, 8).map((event) => (
                  <EventRow key={event.id} event={event} />
                ))}
              </ol>
            )}
          </div>
        </div>
      </div>
    </section>
  );
}

const mostServers = 12;

/** Those that are not fine first, then by load. */
function FleetStrip({ now }: { readonly now: Now }) {
  const most = Math.max(1, ...now.servers.map(({ viewers, hlsSessions }) => viewers ?? hlsSessions));
  const isFine = (server: Now['servers'][number]): number => (summaryOf(server).tone === 'ok' ? 1 : 0);
  const sorted = [...now.servers].sort((a, b) => isFine(a) - isFine(b) || a.name.localeCompare(b.name, 'en'));
  if (sorted.length === 0) return <p class="empty small">HAProxy has not reported any servers yet.</p>;
  return (
    <ul class="strip">
      {sorted.slice(0, mostServers).map((server) => (
        <li key={server.name}>
          <b>{server.name}</b>
          <StateBadge {...summaryOf(server)} />
          <span class="strip-count">
            {formatCount(server.viewers)} <Icon name="eye" />
            <span class="hidden">viewers</span>
          </span>
          <progress max={most} value={server.viewers ?? server.hlsSessions} aria-label={`viewers of ${server.name}`} />
        </li>
      ))}
      {sorted.length > mostServers && (
        <li class="muted">
          <a href="#/fleet">and {sorted.length - mostServers} more</a>
        </li>
      )}
    </ul>
  );
}

/** How long decisions take: just now, else over the last hour, in which routes.map and sessions may have left none to be asked for. */
function decisionText(latest: Sample | null, hour: Sample | null): string {
  if (latest === null || hour === null) return 'measuring…';
  const shown = latest.p50Ms === null ? hour : latest;
  if (shown.p50Ms === null) return 'HAProxy has not asked yet';
  return `half within ${formatTook(shown.p50Ms)}, 99 % within ${formatTook(shown.p99Ms)}`;
}

function savedText(naive: number | null | undefined, asked: number | undefined): string {
  if (naive === null || naive === undefined || asked === undefined) return '–';
  if (naive <= asked) return '0 %';
  const percent = (1 - asked / naive) * 100;
  return `${percent >= 99.95 ? '>99.9' : percent.toFixed(1)} %`;
}
