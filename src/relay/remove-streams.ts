import type { ActiveStreams } from './active-streams';
import type { RelayClients } from './client';
import type { Reports } from './reports';
import type { RelayStreams, RemoveResult } from './streams';

export interface RemoveStreamsOptions {
  readonly streams: Pick<RelayStreams, 'remove'>;
  readonly clients: Pick<RelayClients, 'ofStream'>;
  readonly reports: Pick<Reports, 'forget'>;
  readonly active: Pick<ActiveStreams, 'forget'>;
}

/** Makes what removes streams, all or none, and disconnects who plays them. Never rejects. */
export function createRemoveStreams({ streams, clients, reports, active }: RemoveStreamsOptions) {
  return async (ids: readonly string[]): Promise<RemoveResult> => {
    const result = await streams.remove(ids);
    for (const { id } of result.ok ? result.removed : []) {
      for (const client of clients.ofStream(id)) client.disconnect();
      reports.forget(id);
      active.forget(id);
    }
    return result;
  };
}
