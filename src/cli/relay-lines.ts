import type { Explanation } from '../api/schemas';
import { formatAge } from './format-age';
import { printable } from './printable';
import type { Tolerant } from './tolerant';

type OfRelays = NonNullable<Tolerant<typeof Explanation>['relay']>;
type Why = NonNullable<OfRelays['relays'][number]['why']>;
type Source = Why['sources'][number];
type Failover = NonNullable<Why['recentFailovers']>[number];

/** Earlier ones are on the page, and in the JSON. */
const mostFailovers = 5;

/** What relays say of a stream: its sources and their back-off, accounts, the last failovers, and what is tried next. A part for each relay. */
export function relayLines(
  relay: OfRelays | null | undefined,
): readonly { readonly title: string; readonly lines: readonly string[] }[] {
  return (relay?.relays ?? []).map(({ name, problem, why }) => ({
    title: `What relay ${printable(name)} does`,
    lines:
      why === null || why === undefined
        ? [typeof problem === 'string' ? printable(problem) : 'It has no such stream.']
        : linesOf(why),
  }));
}

function linesOf(why: Why): readonly string[] {
  const { sources, accounts, recentFailovers, next, clients, bytes, failovers } = why;
  return [
    ...sources.map(sourceLine),
    ...(accounts ?? []).map(
      ({ name, inUse, inUseElsewhere, maxConnections, waiting }) =>
        `account ${printable(name)}: ${inUse + (inUseElsewhere ?? 0)} of ${maxConnections} connections in use${(waiting ?? 0) > 0 ? `, ${waiting ?? 0} waiting` : ''}.`,
    ),
    `${clients ?? 0} clients, ${bytes ?? 0} bytes sent, ${failovers ?? 0} failovers since it started.`,
    ...(recentFailovers ?? []).slice(0, mostFailovers).map(failoverLine),
    ...(next === null || next === undefined
      ? []
      : [`Next: ${sourceName(next.index)}${inTime(next.inMs)}. ${printable(next.because)}`]),
  ];
}

function sourceLine({ index, url, state, clients, account, lastFailure, retryInMs }: Source): string {
  const doing: Readonly<Record<string, string>> = {
    playing: `${clients ?? 0} ${clients === 1 ? 'client plays' : 'clients play'} it`,
    standby: 'is read already, to follow at once',
    failed: 'failed',
    ok: 'is not in use',
  };
  const said = Object.hasOwn(doing, state) ? doing[state] : printable(state);
  const reason = lastFailure === null || lastFailure === undefined ? '' : `: ${printable(lastFailure.reason)}`;
  const pause = (retryInMs ?? 0) > 0 ? ` It is left alone for ${formatAge(retryInMs) ?? ''} more.` : '';
  const of = typeof account === 'string' ? `, account ${printable(account)}` : '';
  return `${sourceName(index)} ${printable(url)}${of}: ${said}${reason === '' ? '.' : reason}${pause}`;
}

function failoverLine(failover: Failover): string {
  const { time, trigger, reason, byteGapMs, pictureGapMs, clients } = failover;
  const [from, to] = [placeName(failover.from, failover.fromUrl), placeName(failover.to, failover.toUrl)];
  const way = from === to ? `${from} again` : `from ${from} to ${to}`;
  const picture = typeof pictureGapMs === 'number' ? `, pictures ${pictureGapMs} ms` : '';
  return `${printable(time)}: ${way} (${printable(trigger)}: ${printable(reason)}), ${clients ?? 1} clients; gap of bytes ${byteGapMs ?? 0} ms${picture}.`;
}

function inTime(ms: number | null | undefined): string {
  return typeof ms === 'number' && ms > 0 ? ` in ${formatAge(ms) ?? ''}` : '';
}

/** What is no source is told by how it is shown. */
function placeName(index: number | null | undefined, url: string | null | undefined): string {
  return typeof index === 'number' ? sourceName(index) : printable(url ?? 'no source');
}

/** By its place in the list: `primary`, `backup 1`, … */
function sourceName(index: number): string {
  return index === 0 ? 'primary' : `backup ${index}`;
}
