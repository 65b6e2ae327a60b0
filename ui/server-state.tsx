import type { Server } from './api';
import { Icon, type IconName } from './icon';

export type Tone = 'ok' | 'warn' | 'bad' | 'drain' | 'maint' | 'unknown';

export interface State {
  readonly tone: Tone;
  readonly word: string;
}

/** A state as icon, word and colour, so that none of them is needed to tell it. */
export function StateBadge({ tone, word, icon }: State & { readonly icon?: IconName }) {
  return (
    <span class={`badge ${tone}`}>
      <Icon name={icon ?? tone} />
      {word}
    </span>
  );
}

/** What matters most about a server, in one state. */
export function summaryOf(server: Server): State {
  const { operational, administrative, api, backup, control } = server;
  if (administrative === 'maint') return { tone: 'maint', word: 'Maintenance' };
  if (operational === 'DOWN') return { tone: 'bad', word: 'Down' };
  if (administrative === 'drain') {
    return control?.safeToStop === true ? { tone: 'drain', word: 'Drained' } : { tone: 'drain', word: 'Draining' };
  }
  if (api.health === 'suspect') return { tone: 'warn', word: 'API suspect' };
  if (api.health === 'failing') return { tone: 'warn', word: 'API failing' };
  if (api.health === 'unknown') return { tone: 'unknown', word: 'Not asked yet' };
  return { tone: 'ok', word: backup ? 'Backup' : 'In service' };
}

export const operationalStates: Readonly<Record<Server['operational'], State>> = {
  UP: { tone: 'ok', word: 'UP' },
  DOWN: { tone: 'bad', word: 'DOWN' },
  UNKNOWN: { tone: 'unknown', word: 'not asked' },
};

export const administrativeStates: Readonly<Record<Server['administrative'] | 'external', State>> = {
  ready: { tone: 'ok', word: 'ready' },
  drain: { tone: 'drain', word: 'drain' },
  maint: { tone: 'maint', word: 'maint' },
  external: { tone: 'unknown', word: 'set by hand' },
};

export const apiStates: Readonly<Record<Server['api']['health'], State>> = {
  ok: { tone: 'ok', word: 'ok' },
  failing: { tone: 'warn', word: 'failing' },
  suspect: { tone: 'bad', word: 'suspect' },
  unknown: { tone: 'unknown', word: 'not known yet' },
};
