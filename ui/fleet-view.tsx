import type { EmptySlot, IntentKind, Now, Server } from './api';
import { counted, formatAge, formatBits, formatCount, formatRate, formatSince, formatTook } from './format';
import { Icon } from './icon';
import { administrativeStates, apiStates, operationalStates, StateBadge, summaryOf } from './server-state';

export interface FleetViewProps {
  readonly now: Now;
  readonly onChange: (kind: IntentKind, server: Server) => void;
}

/** Every server with what is wanted of it, what HAProxy makes of it, and whether its Control API answers. */
export function FleetView({ now, onChange }: FleetViewProps) {
  const { servers, emptySlots } = now;
  return (
    <section aria-labelledby="fleet-title">
      <div class="view-head">
        <h2 id="fleet-title">Fleet</h2>
        <span class="muted">
          {counted(servers.length, 'server')}, {counted(now.viewers ?? 0, 'viewer')}
        </span>
      </div>
      {servers.length === 0 && emptySlots.length === 0 ? (
        <div class="card">
          <p class="empty">
            HAProxy has not reported any servers yet. The agent reads them from the backend of haproxy.cfg, through the
            stats socket.
          </p>
        </div>
      ) : (
        <ul class="fleet">
          {servers.map((server) => (
            <ServerCard key={server.name} server={server} now={now} onChange={onChange} />
          ))}
        </ul>
      )}
      {emptySlots.length > 0 && <EmptySlots slots={emptySlots} />}
    </section>
  );
}

const mostSlots = 20;

/** Entries of haproxy.cfg that are no servers now. */
function EmptySlots({ slots }: { readonly slots: readonly EmptySlot[] }) {
  const names = slots.map(({ name, intent }) => (intent === null ? name : `${name} (${intent.kind} is wanted)`));
  return (
    <p class="muted empty-slots">
      {counted(slots.length, 'empty slot')}, without an address in HAProxy:{' '}
      <span class="mono">{names.slice(0, mostSlots).join(', ')}</span>
      {names.length > mostSlots && ` and ${names.length - mostSlots} more`}
    </p>
  );
}

interface ServerCardProps extends FleetViewProps {
  readonly server: Server;
}

function ServerCard({ server, now, onChange }: ServerCardProps) {
  const { name, kind, address, port, api, control, load } = server;
  const summary = summaryOf(server);
  const nowMs = Date.parse(now.time);
  const wanted = control?.wanted ?? 'ready';
  const offered = (['ready', 'drain', 'maint'] as const).filter(
    (kind) => kind !== (control?.intent?.kind ?? (wanted === 'external' ? undefined : wanted)),
  );
  return (
    <li class={`card server ${summary.tone}`} aria-label={`server ${name}`}>
      <div class="server-head">
        <h3>{name}</h3>
        <StateBadge {...summary} />
        <span class="muted mono server-address">
          {address}:{port}
          {api.version !== null && ` · ${kind === 'relay' ? 'relay' : 'MediaMTX'} ${api.version}`}
        </span>
      </div>
      <dl class="server-figures">
        <div>
          <dt>Viewers</dt>
          <dd>
            <a href={`#/viewers/server/${name}`} title={`Who watches from ${name}`}>
              {formatCount(server.viewers)}
            </a>
          </dd>
        </div>
        <div>
          <dt>Streams</dt>
          <dd>{formatCount(server.streams)}</dd>
        </div>
        <div>
          <dt>Requests</dt>
          <dd>
            {formatRate(load?.requestsPerSecond)}
            <small>/s</small>
          </dd>
        </div>
        <div>
          <dt>Sends</dt>
          <dd>{formatBits(load?.bytesPerSecond)}</dd>
        </div>
      </dl>
      <dl class="states">
        <div>
          <dt>Wanted</dt>
          <dd>
            <StateBadge {...administrativeStates[wanted]} />
            <span class="muted">
              {control === null || control.intent === null
                ? (control?.because ?? 'as in the configuration')
                : `${control.intent.operator}, ${formatSince(control.intent.since, nowMs)} ago: ${control.intent.reason}`}
              {typeof control?.intent?.deadline === 'string' &&
                ` · maint in ${formatAge(Date.parse(control.intent.deadline) - nowMs)}`}
            </span>
          </dd>
        </div>
        {control === null ? (
          <div>
            <dt>HAProxy</dt>
            <dd>
              <StateBadge {...operationalStates[server.operational]} />
              <StateBadge {...administrativeStates[server.administrative]} />
            </dd>
          </div>
        ) : (
          control.nodes.map((node) => (
            <div key={node.node}>
              <dt title="HAProxy">{node.node}</dt>
              <dd>
                <StateBadge {...operationalStates[node.operational]} />
                <StateBadge {...administrativeStates[node.administrative]} />
                <span class="muted">weight {node.weight}</span>
              </dd>
            </div>
          ))
        )}
        <div>
          <dt>Control API</dt>
          <dd>
            <StateBadge {...apiStates[api.health]} />
            <span class="muted">
              {api.lastError ??
                (api.inventoryAgeMs === null
                  ? 'has not listed its streams yet'
                  : `list ${formatAge(api.inventoryAgeMs)} old, took ${formatTook(api.inventoryTookMs)}`)}
            </span>
          </dd>
        </div>
      </dl>
      {control !== null && wanted !== 'ready' && wanted !== 'external' && <DrainProgress server={server} />}
      {control !== null && (
        <div class="buttons server-buttons">
          {offered.map((kind) => (
            <button key={kind} type="button" onClick={() => onChange(kind, server)}>
              <Icon name={kind === 'ready' ? 'ok' : kind} />
              {kind === 'ready' ? 'Ready' : kind === 'drain' ? 'Drain' : 'Maint'}
              <span class="hidden"> {name}</span>
            </button>
          ))}
        </div>
      )}
    </li>
  );
}

/** How far a server is on its way out. */
function DrainProgress({ server }: { readonly server: Server }) {
  const { control, viewersPeak } = server;
  if (control === null) return null;
  const { viewersLeft, onlyHere, safeToStop, notSafeBecause } = control;
  const onlyHereCount = control.onlyHereCount ?? 0;
  const left = viewersLeft ?? 0;
  const most = Math.max(left, viewersPeak ?? 0, 1);
  return (
    <div class={`drain-progress ${safeToStop ? 'safe' : ''}`}>
      {safeToStop ? (
        <p class="safe-to-stop">
          <Icon name="ok" /> Safe to stop
        </p>
      ) : (
        <>
          <p>
            <b>
              <Icon name="warn" /> Not safe to stop yet
            </b>
            <span class="drain-left">{viewersLeft === null ? '–' : counted(left, 'viewer')} left</span>
          </p>
          <progress max={most} value={viewersLeft === null ? 0 : most - left} aria-label={`drain of ${server.name}`} />
          {onlyHereCount > 0 && (
            <p class="muted">
              {counted(onlyHereCount, 'stream')} {onlyHereCount === 1 ? 'lives' : 'live'} only here:{' '}
              <span class="mono">{onlyHere.slice(0, 3).join(', ')}</span>
              {onlyHereCount > 3 && ` and ${onlyHereCount - 3} more`}
            </p>
          )}
          {onlyHereCount === 0 && left === 0 && <p class="muted">{notSafeBecause}</p>}
        </>
      )}
    </div>
  );
}
