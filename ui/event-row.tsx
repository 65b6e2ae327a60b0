import { ownValue } from '../src/wire/own-value';
import type { Happened } from './api';
import { formatClock } from './format';
import { Icon, type IconName } from './icon';

const looks: Readonly<Record<string, readonly [icon: IconName, tone: string]>> = {
  'stream.started': ['started', 'ok'],
  'stream.ended': ['ended', 'unknown'],
  'stream.moved': ['move', 'drain'],
  'stream.conflict': ['warn', 'warn'],
  'stream.watched': ['eye', 'ok'],
  'stream.unwatched': ['eye', 'unknown'],
  'stream.failover': ['move', 'warn'],
  'stream.failed': ['bad', 'bad'],
  'viewer.joined': ['started', 'unknown'],
  'viewer.left': ['ended', 'unknown'],
  'server.up': ['ok', 'ok'],
  'server.down': ['bad', 'bad'],
  'server.suspect': ['warn', 'warn'],
  'server.intent': ['hand', 'drain'],
  'haproxy.reloaded': ['auto', 'unknown'],
  'agent.started': ['info', 'unknown'],
};

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What happened, as the end of a sentence that begins with its subject. */
function said({ type, data }: Happened): string {
  const server = text(data['server']);
  const on = server === '' ? '' : ` on ${server}`;
  switch (type) {
    case 'stream.started':
      return `started${on}`;
    case 'stream.ended':
      return `ended${on}`;
    case 'stream.moved':
      return text(data['from']) === '' ? `moved to ${server}` : `moved from ${text(data['from'])} to ${server}`;
    case 'stream.conflict':
      return 'is published on several servers';
    case 'stream.watched':
      return 'is watched';
    case 'stream.unwatched':
      return 'is no longer watched';
    case 'stream.failover':
      return 'went over to another source';
    case 'stream.failed':
      return 'could not be served by any source';
    case 'viewer.joined':
      return `has a new viewer${on}`;
    case 'viewer.left':
      return `lost a viewer${on}`;
    case 'server.up':
      return 'is UP';
    case 'server.down':
      return 'is DOWN';
    case 'server.suspect':
      return 'has a suspect Control API';
    case 'server.intent':
      return `was set to ${text(data['kind'])}`;
    case 'haproxy.reloaded':
      return 'HAProxy was reloaded';
    case 'agent.started':
      return 'The agent started';
    default:
      return type;
  }
}

/** One event as a sentence. */
export function EventRow({ event }: { readonly event: Happened }) {
  const [icon, tone] = ownValue(looks, event.type) ?? ['info', 'unknown'];
  const reason = text(event.data['reason']);
  return (
    <li class="event">
      <time dateTime={event.time} title={event.time}>
        {formatClock(event.time)}
      </time>
      <span class={`event-icon ${tone}`}>
        <Icon name={icon} />
      </span>
      <span class="event-text">
        {event.subject !== null && <b class="mono">{event.subject}</b>} {said(event)}
        {reason !== '' && <span class="muted event-reason">{reason}</span>}
      </span>
      <code class="event-type">{event.type}</code>
    </li>
  );
}
