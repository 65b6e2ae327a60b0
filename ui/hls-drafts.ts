import type { RelayConfig, RelaySetting } from './api';

/** What somebody has typed, as text, by the names of settings; what is not there is as it is in force. */
export type Drafts = ReadonlyMap<string, string>;

export interface CheckedDrafts {
  /** What would be changed; empty where nothing would. */
  readonly changes: ReadonlyMap<string, number>;
  /** What is wrong, by the names of settings. */
  readonly problems: ReadonlyMap<string, string>;
}

interface SettingText {
  readonly label: string;
  /** What more and less of it cost, and when a running channel follows. */
  readonly trade: string;
}

const texts: ReadonlyMap<string, SettingText> = new Map([
  [
    'hls_max_segments',
    { label: 'Segments held', trade: 'More help slow players catch up, and take memory. From the next segment on.' },
  ],
  [
    'hls_initial_segments',
    { label: 'Segments before start', trade: 'More start safer, fewer start sooner. For players that start now.' },
  ],
  [
    'hls_window_size',
    { label: 'Segments listed', trade: 'More give players room, fewer less delay. From the next playlist on.' },
  ],
  [
    'hls_buffer_ready_timeout',
    {
      label: 'Wait for the start',
      trade: 'Longer forgives slow providers, shorter tells players sooner. From the next request on.',
    },
  ],
  [
    'hls_first_segment_timeout',
    { label: 'Then wait for one segment', trade: 'After it players get an error (503). From the next request on.' },
  ],
  [
    'hls_initial_buffer_seconds',
    {
      label: 'Buffer at the start',
      trade: 'More bridges slow providers, less is nearer to live. From the next start on.',
    },
  ],
  [
    'hls_max_initial_segments',
    { label: 'Segments at the start', trade: 'No more than these, whatever the buffer. From the next start on.' },
  ],
  [
    'hls_segment_fetch_interval',
    {
      label: 'Between two polls',
      trade: 'Less finds segments sooner, more spares the provider. From the next poll on.',
    },
  ],
]);

/** A setting in words; one that this page does not know has its name. */
export function textOf(name: string): SettingText {
  return texts.get(name) ?? { label: name, trade: '' };
}

/** Checks what was typed as the relay will: each value, and all of them as one. */
export function checkDrafts(settings: readonly RelaySetting[], drafts: Drafts): CheckedDrafts {
  const changes = new Map<string, number>();
  const problems = new Map<string, string>();
  for (const setting of settings) {
    const draft = drafts.get(setting.name);
    if (draft === undefined) continue;
    const value = numberOf(draft);
    if (value === undefined || value < setting.least || value > setting.most)
      problems.set(setting.name, rangeText(setting));
    else if (setting.isWhole && !Number.isInteger(value)) problems.set(setting.name, rangeText(setting));
    else if (value !== setting.value) changes.set(setting.name, value);
  }
  const wanted = (one: RelaySetting): number => changes.get(one.name) ?? one.value;
  for (const setting of settings) {
    const limit = settings.find(({ name }) => name === setting.mostOf);
    if (limit === undefined || problems.has(setting.name) || problems.has(limit.name)) continue;
    if (wanted(setting) <= wanted(limit)) continue;
    if (drafts.has(setting.name)) {
      problems.set(setting.name, `No more than “${textOf(limit.name).label}” (${wanted(limit)}).`);
    } else problems.set(limit.name, `No less than “${textOf(setting.name).label}” (${wanted(setting)}).`);
  }
  return { changes, problems };
}

/** Settings that others have changed since a form was filled in. */
export function changedMeanwhile(before: RelayConfig, now: RelayConfig): readonly RelaySetting[] {
  const valueBefore = new Map(before.settings.map(({ name, value }) => [name, value]));
  return now.settings.filter(({ name, value }) => valueBefore.get(name) !== value);
}

export function rangeText({ least, most, isWhole }: RelaySetting): string {
  return `${isWhole ? 'A whole number' : 'A number'} from ${least} to ${most}.`;
}

function numberOf(text: string): number | undefined {
  const trimmed = text.trim().replace(',', '.');
  return /^\d{1,9}(?:\.\d{1,9})?$/.test(trimmed) ? Number(trimmed) : undefined;
}
